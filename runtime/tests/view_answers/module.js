// Two tables, and views that read them in every way. The definition is put before this.
import * as sys2_0 from 'spacetime:sys@2.0';
import * as sys2_1 from 'spacetime:sys@2.1';
const sys = { ...sys2_0, ...sys2_1 };

class SenderError extends Error {}
class CodeError extends Error {
  constructor(code, message) {
    super(`${code}: ${message}`);
  }
}

const ROW_LEN = 12;
const known = new Map();
function id(kind, name) {
  if (!known.has(name)) known.set(name, sys[`${kind}_id_from_name`](name));
  return known.get(name);
}
const item = () => id('table', 'item');
const note = () => id('table', 'note');
const byId = () => id('index', 'item_id_idx_btree');
const byOwner = () => id('index', 'item_owner_idx_btree');
const byKey = () => id('index', 'note_key_idx_hash');

// ---- bytes ----

function u32(...values) {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, at) => view.setUint32(4 * at, value, true));
  return view.buffer;
}
const at = (bytes, place) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(place, true);
function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part.buffer ?? part, part.byteOffset ?? 0, part.byteLength), end);
    end += part.byteLength;
  }
  return whole;
}
const text = (bytes, place) => bytes.slice(place, place + 4 + at(bytes, place));

const buffer = new ArrayBuffer(4 << 20);
function collect(iter) {
  const parts = [];
  for (;;) {
    const written = sys.row_iter_bsatn_advance(iter, buffer);
    parts.push(new Uint8Array(buffer.slice(0, Math.abs(written))));
    if (written <= 0) return join(parts);
  }
}
const point = (index, key) => collect(sys.datastore_index_scan_point_bsatn(index, key, key.byteLength));
function range(index, start, end) {
  const bytes = join([start, end]);
  return collect(sys.datastore_index_scan_range_bsatn(index, bytes.buffer, 0, 0, start.length, end.length));
}
const included = (value) => join([Uint8Array.of(0), u32(value)]);

function rows(bytes, count = bytes.length / ROW_LEN) {
  return { data: join([Uint8Array.of(0), u32(count), bytes]) };
}
function notes(bytes) {
  let count = 0;
  for (let place = 0; place < bytes.length; count++) place += 4 + at(bytes, place) + 4;
  return rows(bytes, count);
}

// ---- functions, by number ----

const reducers = [
  function apply(args) {
    // Records of 13 bytes: whether to put or remove, and a row.
    for (let place = 4; place < args.length; place += 13) {
      const row = args.slice(place + 1, place + 13);
      sys.datastore_delete_by_index_scan_point_bsatn(byId(), row.buffer, 4);
      if (args[place] === 0) sys.datastore_insert_bsatn(item(), row.buffer, ROW_LEN);
    }
  },
  function put_note(args) {
    const key = text(args, 0);
    sys.datastore_delete_by_index_scan_point_bsatn(byKey(), key.buffer, key.length);
    sys.datastore_insert_bsatn(note(), args.slice().buffer, args.length);
  },
  function fail(args) {
    reducers[0](args);
    throw new SenderError('no');
  },
];

const anonymousViews = [
  (args) => rows(point(byId(), args.slice().buffer)),
  (args) => rows(point(byOwner(), args.slice().buffer)),
  (args) => rows(range(byOwner(), included(at(args, 0)), Uint8Array.of(2))),
  () => rows(collect(sys.datastore_table_scan_bsatn(item()))),
  () => rows(new Uint8Array(u32(Number(sys.datastore_table_row_count(item())), 0, 0))),
  (args) => notes(point(byKey(), args.slice().buffer)),
  (args) => {
    // Rows that are the same, several times.
    const parts = [];
    for (let place = 4; place < args.length; place += 4) {
      const found = point(byOwner(), args.slice(place, place + 4).buffer);
      for (let row = 0; row < found.length; row += ROW_LEN) parts.push(u32(0, 0, at(found, row + 8) % 3));
    }
    return rows(join(parts));
  },
  () => notes(collect(sys.datastore_table_scan_bsatn(note()))),
  // A range that holds one key only.
  (args) => rows(range(byId(), included(at(args, 0)), new Uint8Array(0))),
  (args) => {
    if (point(byId(), args.slice().buffer).length > 0) throw new Error('there is one');
    return rows(new Uint8Array(0));
  },
  (args) => rows(new Uint8Array(ROW_LEN * at(args, 0))),
];

const views = [(sender) => rows(point(byOwner(), u32(Number(sender & 0xffn))))];

class Hooks {
  __describe_module__() {
    return Uint8Array.from(DEFINITION);
  }
  __get_error_constructor__(code) {
    return CodeError.bind(null, code);
  }
  get __sender_error_class__() {
    return SenderError;
  }
  __call_reducer__(id, sender, connection, time, args) {
    reducers[id](new Uint8Array(args.buffer, args.byteOffset, args.byteLength).slice());
  }
  __call_procedure__() {}
  __call_http_handler__() {}
  __call_view__(id, sender) {
    return views[id](sender);
  }
  __call_view_anon__(id, args) {
    return anonymousViews[id](args);
  }
}
class Schema {
  [sys.moduleHooks]() {
    return new Hooks();
  }
}
export default new Schema();
