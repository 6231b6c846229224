import { describe, expect, it } from 'vitest';
import { ConfigError } from '../config.ts';
import { parseS3Url } from './s3-url.ts';

describe('the address of S3', () => {
  it('carries the endpoint, the bucket, a prefix and the keys', () => {
    expect(parseS3Url('s3+https://KEY:a%2Fb@s3.internal:9000/media/school/one?region=eu-central-1')).toEqual({
      endpoint: 'https://s3.internal:9000',
      bucket: 'media',
      prefix: 'school/one/',
      region: 'eu-central-1',
      accessKeyId: 'KEY',
      secretAccessKey: 'a/b',
      isPathStyle: true,
    });
    expect(parseS3Url('s3+http://K:S@h/bucket?style=host')).toMatchObject({ endpoint: 'http://h', isPathStyle: false });
  });

  it('says what is wrong, and not the keys', () => {
    const bad = [
      'https://K:secret@h/bucket',
      's3+https://h/bucket',
      's3+https://K:secret@h/',
      's3+https://K:secret@h/B',
      's3+https://K:secret@h/bucket/a%20b',
      's3+https://K:secret@h/bucket?style=x',
      's3+https://K:secret@h/bucket?regoin=x',
      's3+https://K:secret%ZZ@h/bucket',
    ];
    for (const url of bad) {
      expect(() => parseS3Url(url), url).toThrow(ConfigError);
      expect(() => parseS3Url(url), url).toThrow(/^SUUUPRA_S3_URL (?!.*secret)/);
    }
  });
});
