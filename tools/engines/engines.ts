/** Every engine that this machine can be given without Docker. A new one: write its file, name it here. */
import type { Engine } from './engine.ts';
import { mariadb } from './mariadb.ts';
import { postgres } from './postgres.ts';
import { stripeMock } from './stripe-mock.ts';

export const engines: readonly Engine[] = [postgres, mariadb, stripeMock];
