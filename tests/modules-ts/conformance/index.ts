/**
 * Every column type, index, constraint, view and error that a module can meet: the twin of
 * tests/modules/conformance.
 *
 * A file for each subject. Reducers say what they saw in a table whose rows the view `notes` shows in order,
 * so that the same script gives the same transcript whatever a module is written in.
 */
export { default } from './schema';
export * from './constraints';
export * from './context';
export * from './events';
export * from './faults';
export * from './indexes';
export * from './logging';
export * from './names';
export { forgetNotes, notes } from './notes';
export * from './queries';
export * from './sequences';
export * from './types';
export * from './views';
