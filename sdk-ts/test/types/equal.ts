/** Whether two types are the same, `any` included. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles if the value is of exactly the given type: `expect<Equal<typeof x, string>>(true)`. */
export function expect<_Check extends true>(): void {}
