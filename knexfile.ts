/** For knex's own command line: `DATABASE_OWNER_URL=… NODE_OPTIONS="--import tsx" npx knex migrate:list`. The product migrates by itself. */
import { knexConfig } from './db/connect.ts';

export default knexConfig(process.env['DATABASE_OWNER_URL'] ?? process.env['DATABASE_URL'] ?? '');
