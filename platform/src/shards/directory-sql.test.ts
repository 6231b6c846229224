import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { shardDirectoryContract } from './directory.contract.ts';

shardDirectoryContract('PostgreSQL', async () => openTestSql(await freshDatabaseUrl('postgres')));
