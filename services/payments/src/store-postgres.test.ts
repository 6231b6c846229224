import { storeContract } from './store.contract.ts';
import { postgresStore } from './store-postgres.ts';
import { openBench } from './testing.ts';

storeContract(async () => ({ store: postgresStore, sql: (await openBench()).sql }));
