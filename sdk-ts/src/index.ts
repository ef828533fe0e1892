/** What the client SDK and the server SDK have in common. */
export type Nothing = undefined;
