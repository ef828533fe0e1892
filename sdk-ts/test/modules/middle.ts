import { schema, table, t } from 'orrery/server';
import * as lib from './lib.ts';

const box = table({ name: 'Boxes' }, { id: t.u32().primaryKey().autoInc(), name: t.string() });

const middle = schema({ box, lib });
export default middle;

export const addBox = middle.reducer({ name: t.string() }, (ctx, { name }) => {
  ctx.db.box.insert({ id: 0, name });
});

export const boxes = middle.view({ public: true }, t.array(box.rowType), (ctx) => ctx.from.box);
