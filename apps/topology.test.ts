import { ConfigError, readConfig, type Settings } from '@suuupra/platform/config';
import { describe, expect, it } from 'vitest';
import { allServices } from './services.ts';
import { mayCall, planTopology } from './topology.ts';

const plan = (names: readonly string[], env: Settings = {}) => planTopology(allServices, readConfig(names, env));
const database = { SUUUPRA_POSTGRES_URL: 'postgres://db' };
const everywhere = Object.fromEntries(
  allServices.map(({ name }) => [`SUUUPRA_ADDRESS_${name.toUpperCase()}`, `${name}.school:7100`]),
);

describe('who runs where', () => {
  it('has all of it in one process with --all, and needs no address', () => {
    const { hosted, hasGateway, remote, isWhole } = plan(['--all']);
    expect(hosted).toEqual(allServices);
    expect([hasGateway, isWhole, remote.size]).toEqual([true, true, 0]);
  });

  it('finds what a service declares to call at its addresses, and nothing else', () => {
    const { hosted, remote, isWhole } = plan(['learning'], { ...database, ...everywhere });
    expect(hosted.map(({ name }) => name)).toEqual(['learning']);
    expect(Object.fromEntries(remote)).toEqual({ content: ['content.school:7100'] });
    expect(isWhole).toBe(false);
  });

  it('has the gateway reach every service that is not beside it', () => {
    const { remote } = plan(['gateway', 'identity'], { ...database, ...everywhere });
    expect([...remote.keys()].sort()).toEqual(
      allServices
        .map(({ name }) => name)
        .filter((name) => name !== 'identity')
        .sort(),
    );
  });

  it.each([
    [['orderz'], {}, 'There is no service "orderz"; there are identity, content'],
    [
      ['web'],
      { SUUUPRA_ADDRESS_CONTENTS: 'a:1' },
      'An address is given for the service "contents", which there is not',
    ],
    [['learning'], everywhere, 'set SUUUPRA_POSTGRES_URL (engines.postgres), or say --all'],
    [
      ['learning'],
      database,
      'learning calls content, which does not run in this process and has no address; set SUUUPRA_ADDRESS_CONTENT',
    ],
  ])('says in a sentence what is wrong with %j %j', (names, env, sentence) => {
    expect(() => plan(names, env)).toThrow(ConfigError);
    expect(() => plan(names, env)).toThrow(sentence);
  });
});

describe('who may call whom', () => {
  const may = mayCall(allServices);

  it('is what a service declares in its value', () => {
    expect(may('learning', 'suuupra.content.v1.ContentService')).toBe(true);
    expect(may('learning', 'suuupra.payments.v1.PaymentsService')).toBe(false);
    expect(may('nobody', 'suuupra.content.v1.ContentService')).toBe(false);
  });

  it('opens everything that has a route to the gateway', () => {
    for (const { provides } of allServices) {
      for (const { typeName } of provides) expect(may('gateway', typeName), typeName).toBe(true);
    }
  });
});
