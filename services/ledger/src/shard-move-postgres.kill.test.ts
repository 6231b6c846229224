import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { shardMoveContract } from './shard-move.contract.ts';

shardMoveContract('PostgreSQL', async () => openTestSql(await freshDatabaseUrl('postgres')));
