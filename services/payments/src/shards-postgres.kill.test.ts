import { paymentsShardsContract } from './shards.contract.ts';

paymentsShardsContract('PostgreSQL', 'postgres');
