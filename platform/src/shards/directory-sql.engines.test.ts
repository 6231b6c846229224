import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { shardDirectoryContract } from './directory.contract.ts';

shardDirectoryContract('MariaDB', async () => openTestSql(await freshDatabaseUrl('mysql')));
