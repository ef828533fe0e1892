/// <reference path="./sys.d.ts" />
/** The host's functions under one roof. */
export * from 'spacetime:sys@2.0';
export { datastore_clear } from 'spacetime:sys@2.1';
