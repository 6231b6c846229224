import { paymentsShardsContract } from './shards.contract.ts';

paymentsShardsContract('MariaDB', 'mysql');
