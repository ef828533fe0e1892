/** `my_table2` as the name of a type: `MyTable2`. */
export function pascalCase(name: string): string {
  return name
    .split(/[^\p{L}\p{N}]+/u)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** Whether two names differ in nothing but how their words are put together, as `worldSize` and `world_size`. */
export function sameWords(a: string, b: string): boolean {
  const letters = (name: string) => name.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase();
  return letters(a) === letters(b);
}
