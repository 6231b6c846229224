import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

describe('configuration', () => {
  it('prefers the command line over the environment over the default', () => {
    expect(readConfig(['--all', '--port', '8080'], { SUUUPRA_PORT: '9000' }).port).toBe(8080);
    expect(readConfig(['--all'], { SUUUPRA_PORT: '9000' }).port).toBe(9000);
    expect(readConfig(['--all'], {}).port).toBe(3000);
  });

  it.each([
    [['--all', '--port', '80a'], {}, 'SUUUPRA_PORT or --port is "80a"; it must be a whole number from 0 to 65535.'],
    [['--all'], { SUUUPRA_DEMO_PASSWORD: 'short' }, 'SUUUPRA_DEMO_PASSWORD is shorter than 8 characters'],
    [
      ['--all'],
      { SUUUPRA_SMTP_URL: 'mail.example' },
      'SUUUPRA_SMTP_URL is not an address; it must begin with smtp:// or smtps://.',
    ],
    [['--all'], { SUUUPRA_LOG_LEVEL: 'loud' }, 'SUUUPRA_LOG_LEVEL is "loud"; it must be one of'],
    [['--everything'], {}, 'Known are --all'],
    [[], {}, 'Nothing to run'],
  ])('says in a sentence what is wrong with %j %j', (args, env, sentence) => {
    expect(() => readConfig(args, env)).toThrow(ConfigError);
    expect(() => readConfig(args, env)).toThrow(sentence);
  });
});
