/** Unique columns, primary keys, sets, and what insert, update and delete answer. */
import { errors, t, type Infer } from 'spacetimedb/server';
import { saw, say } from './notes';
import db, { member, type Ctx } from './schema';

type Member = Infer<typeof member.rowType>;

function row(id: number, email: string, badge: number, rank: number): Member {
  return { id, email, badge, rank };
}

function tryInsert(ctx: Ctx, what: string, row: Member): void {
  const answer = isInserted(() => ctx.db.member.insert(row)) ? 'inserted' : 'refused';
  say(ctx, `${what}: ${answer}, ${ctx.db.member.count()} rows`);
}

function isInserted(insert: () => unknown): boolean {
  try {
    insert();
    return true;
  } catch (error) {
    if (error instanceof errors.UniqueAlreadyExists) return false;
    throw error;
  }
}

function idByText(ctx: Ctx, email: string): string {
  return ctx.db.member.email.find(email)?.id.toString() ?? 'none';
}

export const uniqueColumns = db.reducer((ctx) => {
  tryInsert(ctx, 'first', row(1, 'a@example.org', 10, 0));
  tryInsert(ctx, 'the same row', row(1, 'a@example.org', 10, 0));
  tryInsert(ctx, 'the same key', row(1, 'b@example.org', 11, 0));
  tryInsert(ctx, 'the same text', row(2, 'a@example.org', 11, 0));
  tryInsert(ctx, 'the same number', row(2, 'b@example.org', 10, 0));
  tryInsert(ctx, 'second', row(2, 'b@example.org', 11, 0));
  ctx.db.member.id.delete(1);
  tryInsert(ctx, 'a freed key and text', row(1, 'a@example.org', 12, 0));
  say(ctx, `found by text: ${idByText(ctx, 'a@example.org')}`);
  say(ctx, `found by a badge that is gone: ${ctx.db.member.badge.find(10) !== null}`);
});

export const updateRows = db.reducer((ctx) => {
  ctx.db.member.clear();
  ctx.db.member.insert(row(1, 'a@example.org', 10, 0));
  ctx.db.member.insert(row(2, 'b@example.org', 11, 0));
  const updated = ctx.db.member.id.update(row(1, 'a@example.org', 10, 5));
  say(ctx, `another rank: ${updated.rank}`);
  ctx.db.member.id.update(row(1, 'c@example.org', 12, 5));
  const emails = ['a@example.org', 'c@example.org'];
  saw(ctx, 'by the old text and the new', emails.map((email) => idByText(ctx, email)));
  ctx.db.member.id.update(row(1, 'c@example.org', 12, 5));
  say(ctx, `unchanged: ${ctx.db.member.count()} rows`);
  ctx.db.member.id.update(row(2, 'a@example.org', 10, 0));
  say(ctx, `what row 1 gave up, row ${idByText(ctx, 'a@example.org')} has`);
});

export const updateMissingRow = db.reducer((ctx) => {
  ctx.db.member.id.update(row(404, 'none@example.org', 404, 0));
});

export const updateIntoConflict = db.reducer((ctx) => {
  ctx.db.member.id.update(row(1, 'a@example.org', 99, 0));
});

export const insertIntoConflict = db.reducer((ctx) => {
  ctx.db.member.insert(row(3, 'd@example.org', 13, 0));
  ctx.db.member.insert(row(1, 'e@example.org', 14, 0));
});

export const deleteRows = db.reducer((ctx) => {
  ctx.db.member.clear();
  for (let id = 0; id < 10; id++) ctx.db.member.insert(row(id, `${id}@example.org`, id, 0));
  say(ctx, `by key: ${ctx.db.member.id.delete(3)}`);
  say(ctx, `by key again: ${ctx.db.member.id.delete(3)}`);
  say(ctx, `by text: ${ctx.db.member.email.delete('4@example.org')}`);
  say(ctx, `by row: ${ctx.db.member.delete(row(5, '5@example.org', 5, 0))}`);
  say(ctx, `by a row that differs: ${ctx.db.member.delete(row(6, '6@example.org', 6, 1))}`);
  say(ctx, `left: ${ctx.db.member.count()}`);
  saw(ctx, 'ids', [...ctx.db.member.iter()].map((member) => member.id).sort((a, b) => a - b));
  say(ctx, `cleared: ${ctx.db.member.clear()}`);
  say(ctx, `cleared again: ${ctx.db.member.clear()}`);
  say(ctx, `rows after: ${[...ctx.db.member].length}`);
  ctx.db.member.insert(row(3, '3@example.org', 3, 0));
  say(ctx, `inserted after: ${ctx.db.member.count()}`);
});

export const setsOfRows = db.reducer((ctx) => {
  const row = { name: 'twice', count: 1 };
  ctx.db.bag.insert(row);
  ctx.db.bag.insert(row);
  say(ctx, `the same row twice: ${ctx.db.bag.count()}`);
  ctx.db.bag.insert({ ...row, count: 2 });
  say(ctx, `another row: ${ctx.db.bag.count()}`);
  say(ctx, `deleted: ${ctx.db.bag.delete(row)}`);
  say(ctx, `deleted again: ${ctx.db.bag.delete(row)}`);
  ctx.db.bag.insert(row);
  say(ctx, `put back: ${ctx.db.bag.count()}`);
});

/** A scan sees the table as it was when the scan began. */
export const changeWhileScanning = db.reducer((ctx) => {
  ctx.db.bag.clear();
  for (let count = 0; count < 100; count++) ctx.db.bag.insert({ name: 'before', count });
  let seen = 0;
  for (const row of ctx.db.bag.iter()) {
    seen += 1;
    ctx.db.bag.delete(row);
    ctx.db.bag.insert({ name: 'after', count: row.count });
  }
  const after = [...ctx.db.bag.iter()].filter((row) => row.name === 'after').length;
  say(ctx, `seen ${seen}, then ${after} of ${ctx.db.bag.count()}`);
});

/** More rows than one read from the host can carry, and rows larger than that. */
export const manyAndLargeRows = db.reducer((ctx) => {
  ctx.db.bag.clear();
  for (let count = 0; count < 20_000; count++) ctx.db.bag.insert({ name: 'row', count });
  for (let count = 20_000; count < 20_005; count++) ctx.db.bag.insert({ name: 'x'.repeat(100_000), count });
  let rows = 0;
  let bytes = 0;
  for (const row of ctx.db.bag.iter()) {
    rows += 1;
    bytes += row.name.length;
  }
  say(ctx, `${rows} rows with ${bytes} bytes of text, ${ctx.db.bag.count()} counted`);
});

export const members = db.anonymousView({ public: true }, t.array(member.rowType), (ctx) => {
  const found: Member[] = [];
  for (let id = 0; id < 500; id++) {
    const member = ctx.db.member.id.find(id);
    if (member) found.push(member);
  }
  return found;
});
