import { paymentsStores } from './adapters.ts';
import { storeContract } from './store.contract.ts';
import { openBench } from './testing.ts';

storeContract(async () => {
  const { sql } = await openBench();
  return { ...paymentsStores(sql), sql };
});
