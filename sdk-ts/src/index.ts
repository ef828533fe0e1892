/** Values that modules and clients work with. What a module declares comes from `orrery/server`. */
export * from './shared/index.ts';
