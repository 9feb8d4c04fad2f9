/** For knex's own command line: `DATABASE_URL=… NODE_OPTIONS="--import tsx" npx knex migrate:list`. The product migrates by itself. */
import { knexConfig } from './db/connect.ts';

export default knexConfig(process.env['DATABASE_URL'] ?? '');
