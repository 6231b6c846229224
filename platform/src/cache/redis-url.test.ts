import { describe, expect, it } from 'vitest';
import { ConfigError } from '../config.ts';
import { parseRedisUrl } from './redis-url.ts';

describe('the address of Redis', () => {
  it('names one server, or a cluster by several', () => {
    expect(parseRedisUrl('redis://:p%40ss@cache.internal:6380/2')).toMatchObject({
      nodes: [{ host: 'cache.internal', port: 6_380 }],
      isCluster: false,
      isTls: false,
      password: 'p@ss',
      database: 2,
    });
    expect(parseRedisUrl('rediss://me:x@one:1,[::1]:2?ca=/etc/roots.pem')).toMatchObject({
      nodes: [
        { host: 'one', port: 1 },
        { host: '::1', port: 2 },
      ],
      isCluster: true,
      isTls: true,
      username: 'me',
      caFile: '/etc/roots.pem',
    });
    expect(parseRedisUrl('rediss+cluster://one').isCluster).toBe(true);
  });

  it('says what is wrong, and not the password', () => {
    const bad = [
      'http://x',
      'redis://',
      'redis://:secret@a:0',
      'redis://:secret@a,b/1',
      'redis://:secret%@a',
      'redis://:secret@a?x=1',
    ];
    for (const url of bad) {
      expect(() => parseRedisUrl(url), url).toThrow(ConfigError);
      expect(() => parseRedisUrl(url), url).toThrow(/^SUUUPRA_REDIS_URL (?!.*secret)/);
    }
  });
});
