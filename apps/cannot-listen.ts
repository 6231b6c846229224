/** An address that cannot be taken, as a sentence. */
import { ConfigError } from '@suuupra/platform/config';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken',
  EACCES: 'is not allowed',
  EADDRNOTAVAIL: 'is not of this machine',
  ENOTFOUND: 'is no name that can be looked up',
};

/** `remedy` names the settings. Any other error stays what it is. */
export function cannotListen(host: string, port: number, error: unknown, remedy: string): unknown {
  const why = reasons[(error as NodeJS.ErrnoException).code ?? ''];
  if (why === undefined) return error;
  return new ConfigError(`The address ${host}:${port} ${why}; ${remedy}.`, { cause: error });
}
