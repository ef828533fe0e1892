export const builders: object = {};
