/**
 * `npm run admin -- EMAIL [--name NAME] [--another] [--data DIR] [--config FILE]`: the first administrator, where no demo
 * school brought one.
 *
 * With an address of identity (SUUUPRA_ADDRESS_IDENTITY, services.identity) it asks the running service, as the identity
 * `operator`, whose certificate it shows. Without one it opens identity's database itself: that of the data folder, on which
 * then nothing else may run, or the one of SUUUPRA_POSTGRES_URL. The password comes from the terminal or as a line on
 * standard input, and only for an account that is new. It ends with 0, or with 1 and a sentence.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  IdentityService,
  type MakeAdministratorResponse,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { identity } from '@suuupra/identity/service';
import { type Config, ConfigError, readConfig, type Settings } from '@suuupra/platform/config';
import { type Client, isRefusal, type Refusal, RpcFault } from '@suuupra/platform/rpc/rpc';
import { openOneService } from './one-service.ts';
import { openOperator } from './operator.ts';
import { readSecret, type Terminal } from './secret-input.ts';

interface Asked {
  readonly email: string;
  readonly displayName: string;
  readonly another: boolean;
  readonly config: Config;
}

export interface AdminCommand extends Terminal {
  readonly args: readonly string[];
  readonly env: Settings;
  print(line: string): void;
}

const usage = 'npm run admin -- EMAIL [--name NAME] [--another] [--data DIR] [--config FILE]';

/** Gives the exit code. */
export async function runMakeAdmin(command: AdminCommand): Promise<number> {
  try {
    const asked = readAsked(command);
    const service = await reachIdentity(asked.config);
    try {
      const { user, created } = await make(service.client(IdentityService), asked, command);
      command.print(
        created
          ? `${user?.email} is an administrator and can sign in with the password.`
          : `${user?.email} is an administrator; the account keeps its password.`,
      );
      return 0;
    } finally {
      await service.close();
    }
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof RpcFault)) throw error;
    command.print(error.message);
    return 1;
  }
}

function readAsked({ args, env }: AdminCommand): Asked {
  const text = { type: 'string' } as const;
  const options = { name: text, data: text, config: text, another: { type: 'boolean' } } as const;
  const { values, positionals } = parsed(() => parseArgs({ args: [...args], allowPositionals: true, options }));
  const [email, more] = positionals;
  if (email === undefined || more !== undefined) throw new ConfigError(`Give one address: ${usage}`);
  const place = (['data', 'config'] as const).flatMap((name) => {
    const given = values[name];
    return given === undefined ? [] : [`--${name}`, given];
  });
  return {
    email,
    displayName: values.name ?? email.split('@')[0] ?? '',
    another: values.another === true,
    // What the services have to say is theirs; the command says one sentence.
    config: { ...readConfig(['--all', ...place], env), logLevel: 'silent', otlpEndpoint: '' },
  };
}

function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError(`${(error as Error).message} ${usage}`, { cause: error });
  }
}

function reachIdentity(config: Config) {
  const addresses = config.mesh.addresses.get(identity.name);
  if (addresses !== undefined) {
    const mesh = { ...config.mesh, addresses: new Map([[identity.name, addresses]]) };
    return openOperator({ ...config, mesh });
  }
  // Keys made here would be other ones than those of the platform, and the password good for nothing.
  if (!existsSync(path.join(config.dataFolder, 'keys.json'))) {
    throw new ConfigError(
      `There is no keys.json in ${config.dataFolder}; start the platform on it once, or name another folder with --data.`,
    );
  }
  return openOneService(identity, config);
}

/** Asks for a password only when there has to be one. */
async function make(
  client: Client<typeof IdentityService>,
  { email, displayName, another }: Asked,
  terminal: Terminal,
): Promise<MakeAdministratorResponse> {
  const request = { email, displayName, another };
  const known = await client.makeAdministrator({ ...request, password: '' });
  if (!isRefusal(known)) return known;
  if (!needsPassword(known)) throw refused(known);
  const password = await readSecret(`Password for ${email}`, terminal);
  const made = await client.makeAdministrator({ ...request, password });
  if (isRefusal(made)) throw refused(made);
  return made;
}

function needsPassword({ errors }: Refusal): boolean {
  return errors.some(({ field, code }) => field === 'password' && code === 'required');
}

function refused({ code, detail }: Refusal): ConfigError {
  const more = code === 'administrator_exists' ? ' Say --another to make one more from here.' : '';
  return new ConfigError(`${detail}${more}`);
}

if (import.meta.main) {
  const { stdin: input, stdout: output, argv, env } = process;
  process.exitCode = await runMakeAdmin({
    ...{ input, output, env, args: argv.slice(2) },
    print: (line) => console.log(line),
  });
}
