import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { shardMoveContract } from './shard-move.contract.ts';

shardMoveContract('MariaDB', async () => openTestSql(await freshDatabaseUrl('mysql')));
