import type { Nothing } from '../index.ts';
import { moduleHooks } from 'spacetime:sys@2.0';
import { builders } from './builders.ts';

export class SenderError extends Error {}

export const t: any = builders;

export function table(options: object, columns: object): any {
  return { options, columns };
}

export function schema(tables: object): any {
  const nothing: Nothing = undefined;
  return { tables, nothing, [moduleHooks]: () => ({}) };
}
