import { schema, table, t } from 'orrery/server';

const person = table(
  { public: true },
  { id: t.u32().primaryKey().autoInc(), name: t.string().unique(), age: t.u8().index() },
);

const spacetimedb = schema({ person });
export default spacetimedb;

export const add = spacetimedb.reducer({ name: t.string(), age: t.u8() }, (ctx, { name, age }) => {
  ctx.db.person.insert({ id: 0, name, age });
});
