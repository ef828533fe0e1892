/**
 * A table for each family of column types. The script sends rows as JSON, the module stores them, a view
 * answers them: there and back again through every encoding.
 */
import { Range, t } from 'spacetimedb/server';
import { say } from './notes';
import db, { choice, list, nested, optional, plain, point, shape, signed, special, unsigned } from './schema';

/** Every id there is. */
const all = new Range<number>({ tag: 'included', value: 0 });

export const addUnsigned = db.reducer({ row: unsigned.rowType }, (ctx, { row }) => {
  ctx.db.unsigned.insert(row);
});
export const allUnsigned = db.anonymousView({ public: true }, t.array(unsigned.rowType), (ctx) => [
  ...ctx.db.unsigned.id.filter(all),
]);

export const addSigned = db.reducer({ row: signed.rowType }, (ctx, { row }) => {
  ctx.db.signed.insert(row);
});
export const allSigned = db.anonymousView({ public: true }, t.array(signed.rowType), (ctx) => [
  ...ctx.db.signed.id.filter(all),
]);

export const addPlain = db.reducer({ row: plain.rowType }, (ctx, { row }) => {
  ctx.db.plain.insert(row);
});
export const allPlain = db.anonymousView({ public: true }, t.array(plain.rowType), (ctx) => [
  ...ctx.db.plain.id.filter(all),
]);

export const addSpecial = db.reducer({ row: special.rowType }, (ctx, { row }) => {
  ctx.db.special.insert(row);
});
export const allSpecial = db.anonymousView({ public: true }, t.array(special.rowType), (ctx) => [
  ...ctx.db.special.id.filter(all),
]);

export const addList = db.reducer({ row: list.rowType }, (ctx, { row }) => {
  ctx.db.list.insert(row);
});
export const allLists = db.anonymousView({ public: true }, t.array(list.rowType), (ctx) => [
  ...ctx.db.list.id.filter(all),
]);

export const addOptional = db.reducer({ row: optional.rowType }, (ctx, { row }) => {
  ctx.db.optional.insert(row);
});
export const allOptionals = db.anonymousView({ public: true }, t.array(optional.rowType), (ctx) => [
  ...ctx.db.optional.id.filter(all),
]);

export const addChoice = db.reducer({ row: choice.rowType }, (ctx, { row }) => {
  ctx.db.choice.insert(row);
});
export const allChoices = db.anonymousView({ public: true }, t.array(choice.rowType), (ctx) => [
  ...ctx.db.choice.id.filter(all),
]);

export const addNested = db.reducer({ row: nested.rowType }, (ctx, { row }) => {
  ctx.db.nested.insert(row);
});
export const allNested = db.anonymousView({ public: true }, t.array(nested.rowType), (ctx) => [
  ...ctx.db.nested.id.filter(all),
]);

/** Arguments of every family at once, not only a row. */
export const takeEverything = db.reducer(
  {
    small: t.u8(),
    wide: t.i256(),
    text: t.string(),
    bytes: t.byteArray(),
    maybe: t.option(point),
    shape,
    when: t.timestamp(),
    who: t.identity(),
  },
  (ctx, args) => {
    const { small, wide, text, when, who } = args;
    const bytes = `[${[...args.bytes].join(', ')}]`;
    const maybe = args.maybe ? `${args.maybe.x},${args.maybe.y}` : 'nothing';
    let shape = 'another shape';
    if (args.shape.tag === 'Empty') shape = 'empty';
    if (args.shape.tag === 'Circle') shape = `circle ${args.shape.value}`;
    if (args.shape.tag === 'Painted') shape = `painted ${args.shape.value.tag}`;
    say(
      ctx,
      `${small} ${wide} ${text} ${bytes} ${maybe} ${shape} ${when.microsSinceUnixEpoch} ${who.toHexString()}`,
    );
  },
);
