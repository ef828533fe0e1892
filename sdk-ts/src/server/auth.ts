import type { Identity } from '../shared/identity.ts';
import { get_jwt_payload } from './sys.ts';

/** Part of every host of modules, but of no library of types that modules may be compiled with. */
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };

/** A value of a claim. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** What the token of a caller says. */
export interface JwtClaims {
  /** The claims as JSON text. */
  readonly rawPayload: string;
  /** All claims. */
  readonly fullPayload: { [claim: string]: JsonValue };
  /** The claim `sub`: the user, as the issuer knows them. */
  readonly subject: string;
  /** The claim `iss`: who vouches for the user. */
  readonly issuer: string;
  /** The claim `aud` as a list: for whom the token was made. */
  readonly audience: string[];
  /** Who the caller is. */
  readonly identity: Identity;
}

/** On what grounds a call was let in. */
export interface AuthCtx {
  /** Whether the database itself is the caller, as in scheduled calls. */
  readonly isInternal: boolean;
  /** Whether the caller has shown a token. */
  readonly hasJWT: boolean;
  /** What the token says, or `null` if there is none. */
  readonly jwt: JwtClaims | null;
}

/** @param connection the connection of the caller, zero if there is none */
export function authOf(sender: Identity, connection: bigint): AuthCtx {
  let jwt: JwtClaims | null | undefined;
  const claims = () => {
    if (jwt === undefined) jwt = connection === 0n ? null : claimsOf(sender, get_jwt_payload(connection));
    return jwt;
  };
  return {
    isInternal: connection === 0n,
    get hasJWT() {
      return claims() !== null;
    },
    get jwt() {
      return claims();
    },
  };
}

function claimsOf(identity: Identity, payload: Uint8Array): JwtClaims | null {
  if (payload.length === 0) return null;
  const rawPayload = new TextDecoder().decode(payload);
  const fullPayload = JSON.parse(rawPayload);
  const { sub, iss, aud } = fullPayload;
  const audience = aud === undefined || aud === null ? [] : Array.isArray(aud) ? aud : [aud];
  return { rawPayload, fullPayload, subject: sub, issuer: iss, audience, identity };
}
