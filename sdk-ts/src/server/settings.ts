/** How names in the code become names in the database. */
export type CaseConversionPolicy = { readonly tag: 'None' } | { readonly tag: 'SnakeCase' };

export const CaseConversionPolicy = {
  /** Names stay as they are. */
  None: { tag: 'None' },
  /** `playerScore` becomes `player_score`, variants of enums `camelCase`, types `PascalCase`. This is the default. */
  SnakeCase: { tag: 'SnakeCase' },
} as const satisfies Record<string, CaseConversionPolicy>;
