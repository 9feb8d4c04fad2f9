#!/usr/bin/env node
// The installed command. TypeScript is run as it is, so that what is read is what runs.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv.slice(2));
