import { startEmbedded } from './db/embedded.ts';
const s = await startEmbedded(process.argv[2] ?? '');
const { host, port, user, password, database } = s.owner;
console.log(`postgresql://${user}:${password}@${host}:${port}/${database}`);
setInterval(() => undefined, 1000);
process.on('SIGTERM', () => void s.release().then(() => process.exit(0)));
