
'use strict';
// What the module is called, says and answers is only ever text here: nothing makes markup of it.

// ---- small things ----

/** Makes an element. Attributes that are functions listen; those that are null or false are left out. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

const byId = id => document.getElementById(id);

let lastId = 0;
const newId = () => `field-${++lastId}`;

/** Paragraphs, and code between backticks. */
function prose(text) {
  return String(text ?? '').split(/\n\n+/).filter(Boolean).map(paragraph =>
    h('p', {}, ...paragraph.split('`').map((part, place) => (place % 2 ? h('code', {}, part) : part))));
}

// ---- JSON, with numbers as they were written ----

/** A number, which may be too long for JavaScript. */
class Exact {
  constructor(text) { this.text = text; }
}

/** The value: objects are maps, numbers are `Exact`. */
function readJson(text) {
  const token = /\s*(?:([{}[\],:])|("(?:[^"\\]+|\\.)*")|([^\s{}[\],:"]+))/y;
  let mark, string, word;
  const next = () => {
    const found = token.exec(text);
    if (!found) throw new SyntaxError('the text ends too early');
    [, mark, string, word] = found;
  };
  const value = () => {
    if (string !== undefined) return JSON.parse(string);
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    if (word !== undefined) {
      if (!isNumber(word)) throw new SyntaxError('not JSON');
      return new Exact(word);
    }
    if (mark === '[') {
      const array = [];
      next();
      if (mark === ']') return array;
      for (;;) {
        array.push(value());
        next();
        if (mark === ']') return array;
        if (mark !== ',') throw new SyntaxError('not JSON');
        next();
      }
    }
    if (mark !== '{') throw new SyntaxError('not JSON');
    const object = new Map();
    next();
    if (mark === '}') return object;
    for (;;) {
      if (string === undefined) throw new SyntaxError('not JSON');
      const key = JSON.parse(string);
      next();
      if (mark !== ':') throw new SyntaxError('not JSON');
      next();
      object.set(key, value());
      next();
      if (mark === '}') return object;
      if (mark !== ',') throw new SyntaxError('not JSON');
      next();
    }
  };
  next();
  const result = value();
  if (text.slice(token.lastIndex).trim()) throw new SyntaxError('not JSON');
  return result;
}

const isNumber = text => /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text);

/** The value as JSON: short ones on one line. */
function writeJson(value, indent = '') {
  const scalar = value instanceof Exact ? value.text : typeof value === 'object' && value ? null : JSON.stringify(value);
  if (scalar !== null) return scalar;
  const isArray = Array.isArray(value);
  const inner = indent + '  ';
  const parts = isArray
    ? value.map(element => writeJson(element, inner))
    : Array.from(value, ([key, element]) => `${JSON.stringify(key)}: ${writeJson(element, inner)}`);
  const [open, close] = isArray ? '[]' : '{}';
  const line = parts.join(', ');
  if (!line.includes('\n') && indent.length + line.length < 90) {
    return isArray || !parts.length ? open + line + close : `{ ${line} }`;
  }
  return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}

// ---- schemas ----

/** The document, once it is loaded. */
let api = null;

/** The schema, with references replaced by what they lead to. */
function resolve(schema) {
  for (let hops = 0; hops < 64 && Object.hasOwn(schema ?? {}, '$ref'); hops++) {
    const { $ref, ...beside } = schema;
    const name = String($ref).split('/').pop();
    const schemas = api.components?.schemas ?? {};
    schema = { ...(Object.hasOwn(schemas, name) ? schemas[name] : {}), ...beside };
  }
  return schema ?? {};
}

/** The parameter, or what it refers to. */
function parameterOf(parameter) {
  const name = String(parameter.$ref ?? '').split('/').pop();
  const known = api.components?.parameters ?? {};
  return name && Object.hasOwn(known, name) ? known[name] : parameter;
}

const isUnit = schema => schema.maxItems === 0;

/** A few words for a type. */
function typeName(schema) {
  if (typeof schema?.$ref === 'string') return schema.$ref.split('/').pop().replace(/\.\w+$/, '');
  const { type } = schema ?? {};
  if (schema?.oneOf ?? schema?.anyOf) {
    const [some, ...others] = (schema.oneOf ?? schema.anyOf).filter(it => it.type !== 'null');
    const payload = some?.properties && Object.hasOwn(some.properties, 'some') ? some.properties.some : some;
    return others.length || !some ? 'one of several' : `optional ${typeName(payload)}`;
  }
  if (isUnit(schema ?? {})) return 'nothing';
  if (type === 'array' && schema.items) return `list of ${typeName(schema.items)}`;
  if (schema?.contentEncoding) return `bytes (${schema.contentEncoding})`;
  return String(schema?.format ?? (Array.isArray(type) ? type[0] : type) ?? 'any');
}

// ---- editors: a piece of a form for each kind of schema ----
// Each has a node, and reads as JSON text, so that no number is rounded on the way.

/** What was typed in is not a value of the type. */
class Invalid extends Error {
  constructor(input, message) {
    super(message);
    this.input = input;
  }
}

/** An editor for values of a schema. */
function editor(schema, label) {
  const it = resolve(schema);
  if (it.enum) return selectEditor(schema, label, it.enum);
  if (Object.hasOwn(it, 'const')) return { node: '', read: () => JSON.stringify(it.const) };
  if (it.oneOf ?? it.anyOf) return choiceEditor(schema, label, it.oneOf ?? it.anyOf);
  if (isUnit(it)) return { node: '', read: () => '[]' };
  if (it.type === 'null') return { node: '', read: () => 'null' };
  if (it.type === 'boolean') return boolEditor(schema, label);
  if (it.properties || it.prefixItems) {
    const { nodes, read } = members(it);
    return { node: h('fieldset', {}, legend(schema, label), about(it), ...nodes), read };
  }
  if (it.type === 'array' && it.items) return listEditor(schema, label, it.items);
  return textEditor(schema, label, it);
}

/** The editors for what an object or a tuple consists of. */
function members(it) {
  if (it.properties) {
    const names = it.required ?? Object.keys(it.properties);
    const editors = names.map(name => editor(Object.hasOwn(it.properties, name) ? it.properties[name] : {}, name));
    return {
      nodes: editors.map(({ node }) => node),
      read: () => `{${editors.map(({ read }, place) => `${JSON.stringify(names[place])}:${read()}`).join(',')}}`,
    };
  }
  const editors = (it.prefixItems ?? []).map((schema, place) => editor(schema, schema.title ?? `${place + 1}`));
  return {
    nodes: editors.map(({ node }) => node),
    read: () => `[${editors.map(({ read }) => read()).join(',')}]`,
  };
}

const labelled = (schema, label) => [label, ' ', h('span', { class: 'type' }, typeName(schema))];
const legend = (schema, label) => h('legend', {}, ...labelled(schema, label));
const about = it => (it.description ? h('div', { class: 'faint small' }, it.description) : null);

function field(schema, label, input, it) {
  return h('div', { class: 'field' }, h('label', { for: input.id }, ...labelled(schema, label)), input, about(it));
}

function selectEditor(schema, label, values) {
  const select = h('select', { id: newId() }, ...values.map((value, place) => h('option', { value: place }, String(value))));
  return { node: field(schema, label, select, resolve(schema)), read: () => JSON.stringify(values[select.value]) };
}

function boolEditor(schema, label) {
  const box = h('input', { id: newId(), type: 'checkbox' });
  const node = h('div', { class: 'field row' }, box, h('label', { for: box.id }, ...labelled(schema, label)));
  return { node, read: () => String(box.checked) };
}

function choiceEditor(schema, label, choices) {
  const name = (choice, place) => {
    const it = resolve(choice);
    return String(it.title ?? (it.type === 'null' ? 'none' : typeName(choice) ?? place));
  };
  const select = h('select', { id: newId() }, ...choices.map((choice, place) => h('option', { value: place }, name(choice, place))));
  const payload = h('fieldset', { 'aria-label': label });
  let read;
  const choose = () => {
    const it = resolve(choices[select.value]);
    const chosen = it.properties || it.prefixItems ? members(it) : editor(choices[select.value], label);
    const nodes = (chosen.nodes ?? [chosen.node]).filter(Boolean);
    payload.replaceChildren(...nodes);
    payload.hidden = !nodes.length;
    ({ read } = chosen);
  };
  select.addEventListener('change', choose);
  choose();
  return { node: h('div', {}, field(schema, label, select, resolve(schema)), payload), read: () => read() };
}

function listEditor(schema, label, items) {
  const editors = new Set();
  const list = h('div');
  let count = 0;
  const add = () => {
    const item = editor(items, `${label} ${++count}`);
    const remove = h('button', {
      type: 'button',
      'aria-label': `Remove ${label} ${count}`,
      click() {
        editors.delete(item);
        row.remove();
        more.focus();
      },
    }, '✕');
    const row = h('div', { class: 'item' }, h('div', {}, item.node || `${label} ${count}`), remove);
    editors.add(item);
    list.append(row);
    row.querySelector('input, select, textarea')?.focus();
  };
  const more = h('button', { type: 'button', 'aria-label': `Add to ${label}`, click: add }, '+ Add');
  const node = h('fieldset', {}, legend(schema, label), about(resolve(schema)), list, more);
  return { node, read: () => `[${Array.from(editors, ({ read }) => read()).join(',')}]` };
}

function textEditor(schema, label, it) {
  const isInteger = it.type === 'integer';
  const isNumeric = isInteger || it.type === 'number';
  const isText = it.type === 'string';
  const attributes = { id: newId(), spellcheck: 'false', autocomplete: 'off' };
  const input = isNumeric || it.pattern || it.format
    ? h('input', { ...attributes, type: 'text', inputmode: isInteger ? 'numeric' : null })
    : h('textarea', { ...attributes, rows: 1, placeholder: isText ? null : 'JSON' });
  const read = () => {
    const text = isText ? input.value : input.value.trim();
    const fail = what => { throw new Invalid(input, `${label}: ${what}`); };
    if (isInteger) {
      if (!/^-?\d+$/.test(text)) fail('this must be an integer.');
      // The limits of 64 bits are not exact here. The server knows them.
      const number = Number(text);
      if (number < (it.minimum ?? -Infinity) || number > (it.maximum ?? Infinity)) {
        fail(`this must be from ${it.minimum} to ${it.maximum}.`);
      }
      return text.replace(/^(-?)0+(?=\d)/, '$1');
    }
    if (isNumeric) return isNumber(text) ? text : fail('this must be a number.');
    if (isText) {
      if (it.pattern && !new RegExp(it.pattern, 'u').test(text)) fail(it.description ?? 'this is not of the right form.');
      return JSON.stringify(text);
    }
    try {
      readJson(text);
    } catch {
      fail('this must be JSON.');
    }
    return text;
  };
  const node = field(schema, label, input, it);
  if (label === '__timestamp_micros_since_unix_epoch__') {
    const now = () => { input.value = `${Date.now()}000`; };
    node.append(h('button', { type: 'button', click: now }, 'Now'));
  }
  return { node, read };
}

// ---- requests ----

/** A command for the shell that sends the same. */
function toCurl({ method, url, headers, body, isAuthorized }) {
  const quote = text => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl -i -X ${method} ${quote(url)}`];
  for (const [name, value] of headers) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  // The token is nothing to be pasted somewhere by accident.
  if (isAuthorized) lines.push('-H "authorization: Bearer $TOKEN"');
  if (body !== null) lines.push(`--data-raw ${quote(body)}`);
  return lines.join(' \\\n  ');
}

const ROWS_MAX = 500;
const TEXT_LEN_MAX = 500_000;

/** Sends a request and shows what happens. */
async function send({ method, url, headers, body, isAuthorized }, operation, output, signal) {
  const status = h('p', { role: 'status' }, 'Asking…');
  output.replaceChildren(h('h3', {}, 'Answer'), status);
  const started = performance.now();
  const millis = () => `${Math.round(performance.now() - started)} ms`;
  try {
    const all = new Headers(headers);
    if (isAuthorized) all.set('authorization', `Bearer ${token()}`);
    // A redirect could lead the token and the arguments elsewhere.
    const response = await fetch(url, { method, headers: all, body, signal, redirect: 'manual', cache: 'no-cache' });
    const told = operation.responses?.[response.status] ?? operation.responses?.default;
    const meaning = told?.description ?? api.components?.responses?.[String(told?.$ref).split('/').pop()]?.description;
    const line = (...rest) => status.replaceChildren(
      h('strong', { class: response.ok ? 'good' : 'bad' }, `${response.status || 'A redirect'} ${response.statusText}`),
      ...rest.map(text => ` · ${text}`), meaning ? h('span', { class: 'faint' }, ` · ${meaning}`) : '');
    const shown = h('div');
    output.append(shown, h('details', {}, h('summary', {}, 'Headers'),
      h('pre', { tabindex: 0 }, Array.from(response.headers, ([name, value]) =>
        `${name}: ${name === 'spacetime-identity-token' ? '…' : value}`).join('\n'))));
    const type = response.headers.get('content-type') ?? '';
    if (type.startsWith('text/event-stream')) {
      line('listening');
      await follow(response, shown);
      line(millis(), 'ended');
      return;
    }
    const text = await response.text();
    line(millis(), `${new Blob([text]).size} bytes`);
    shown.append(...body_of(text, type));
  } catch (error) {
    const stopped = error.name === 'AbortError';
    status.replaceChildren(h('strong', { class: stopped ? 'faint' : 'bad' }, stopped ? 'Stopped' : 'No answer'),
      ` · ${millis()}`, stopped ? '' : ` · ${error.message}`);
  }
}

/** Shows a stream as it comes. */
async function follow(response, shown) {
  const text = h('pre', { tabindex: 0, role: 'log' });
  shown.append(text);
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text.textContent = (text.textContent + decoder.decode(value, { stream: true })).slice(-TEXT_LEN_MAX);
    text.scrollTop = text.scrollHeight;
  }
}

/** What a body looks like. */
function body_of(text, type) {
  if (!text) return [h('p', { class: 'faint' }, 'The answer has no body.')];
  const plain = whole => {
    const nodes = [h('pre', { tabindex: 0 }, whole.slice(0, TEXT_LEN_MAX))];
    if (whole.length > TEXT_LEN_MAX) nodes.push(h('p', { class: 'faint' }, 'There is more than can be shown here.'));
    return nodes;
  };
  if (!/^application\/([\w.-]+\+)?json\b/.test(type)) return plain(text);
  let value;
  try {
    value = readJson(text);
  } catch {
    return plain(text);
  }
  const json = h('div', {}, ...plain(writeJson(value)));
  if (!Array.isArray(value) || !value.length || !value.every(row => row instanceof Map)) return [json];
  const table = tableOf(value);
  json.hidden = true;
  const show = (shown, other, button, otherButton) => () => {
    [shown.hidden, other.hidden] = [false, true];
    button.setAttribute('aria-pressed', 'true');
    otherButton.setAttribute('aria-pressed', 'false');
  };
  const asTable = h('button', { type: 'button', 'aria-pressed': 'true' }, 'Table');
  const asJson = h('button', { type: 'button', 'aria-pressed': 'false' }, 'JSON');
  asTable.addEventListener('click', show(table, json, asTable, asJson));
  asJson.addEventListener('click', show(json, table, asJson, asTable));
  return [h('div', { class: 'row' }, asTable, asJson, h('span', { class: 'faint' }, `${value.length} rows`)), table, json];
}

function tableOf(rows) {
  const columns = [...new Set(rows.slice(0, ROWS_MAX).flatMap(row => [...row.keys()]))];
  const cell = value => {
    if (value === null) return h('td', { class: 'faint' }, 'null');
    return h('td', {}, typeof value === 'string' ? value : writeJson(value ?? ''));
  };
  const table = h('table', {},
    h('thead', {}, h('tr', {}, ...columns.map(name => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, ...rows.slice(0, ROWS_MAX).map(row =>
      h('tr', {}, ...columns.map(name => (row.has(name) ? cell(row.get(name)) : h('td')))))));
  const note = rows.length > ROWS_MAX ? h('p', { class: 'faint' }, `These are the first ${ROWS_MAX}.`) : null;
  return h('div', {}, h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': 'Rows' }, table), note);
}

// ---- one function ----

/** What shows a function and calls it. */
function panel({ method, path, operation }) {
  const isHandler = path.startsWith('/route');
  const form = h('form', { class: 'card', autocomplete: 'off' });
  const output = h('section', { 'aria-label': 'Answer' });
  const problem = h('p', { class: 'bad', role: 'alert' });
  const submit = h('button', { class: 'primary', type: 'submit' }, method === 'get' ? 'Ask' : 'Call');
  const stop = h('button', { type: 'button', hidden: true }, 'Stop');

  // What goes into the query.
  const queries = (operation.parameters ?? []).map(parameterOf).filter(it => it.in === 'query').map(parameter => {
    const input = h('input', { id: newId(), type: 'text', spellcheck: 'false', autocomplete: 'off' });
    const label = parameter.required ? parameter.name : `${parameter.name} (optional)`;
    form.append(field(parameter.schema ?? {}, label, input, parameter));
    return { parameter, input };
  });

  // What goes into the body.
  const content = operation.requestBody?.content ?? {};
  let body = () => null;
  if (Object.hasOwn(content, 'application/json')) body = argumentsForm(content['application/json'].schema, form);
  let extra = () => ({ query: '', headers: [], isAuthorized: Boolean(token()) });
  if (isHandler) {
    const query = h('input', { id: newId(), type: 'text', placeholder: 'name=value', spellcheck: 'false' });
    form.append(field({ type: 'query' }, 'Query', query, {}));
    let type = null;
    if (operation.requestBody) {
      type = h('input', { id: newId(), type: 'text', value: 'application/json', spellcheck: 'false' });
      const text = h('textarea', { id: newId(), rows: 1, spellcheck: 'false' });
      form.append(field({ type: 'header' }, 'Content-Type', type, {}), field({ type: 'text' }, 'Body', text, {}));
      body = () => text.value || null;
    }
    // Whoever has the token is its owner: a module is given it only if the user says so.
    const trust = h('input', { id: newId(), type: 'checkbox' });
    form.append(h('div', { class: 'field row' }, trust,
      h('label', { for: trust.id }, 'Send my token to the module, which can then act as me')));
    extra = () => ({
      query: query.value.replace(/^\?/, ''),
      headers: type?.value && body() !== null ? [['content-type', type.value]] : [],
      isAuthorized: trust.checked && Boolean(token()),
    });
  }

  // In which form the answer is wanted.
  const formats = isHandler ? [] : Object.keys(operation.responses?.['200']?.content ?? {});
  const format = h('select', { id: newId() }, ...formats.map(name => h('option', { value: name }, name)));
  if (formats.length > 1) form.append(field({ type: 'Accept' }, 'Answer as', format, {}));

  const request = () => {
    const { query, headers, isAuthorized } = extra();
    const url = new URL(serverUrl() + path);
    const parameters = new URLSearchParams();
    for (const { parameter, input } of queries) {
      if (input.value) parameters.append(parameter.name, input.value);
      else if (parameter.required) throw new Invalid(input, `${parameter.name}: this is needed.`);
    }
    url.search = query || parameters.toString();
    const text = body();
    if (text !== null && !isHandler) headers.push(['content-type', 'application/json']);
    if (formats.length > 1) headers.push(['accept', format.value]);
    return { method: method.toUpperCase(), url: url.href, headers, body: text, isAuthorized };
  };
  /** The request, unless something typed in is wrong, which is said. */
  const valid = () => {
    problem.textContent = '';
    for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
    try {
      return request();
    } catch (error) {
      problem.textContent = error.message;
      error.input?.setAttribute('aria-invalid', 'true');
      error.input?.focus();
      return null;
    }
  };

  let running = null;
  stop.addEventListener('click', () => running?.abort());
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const ready = running ? null : valid();
    if (!ready) return;
    running = new AbortController();
    [submit.disabled, stop.hidden] = [true, false];
    await send(ready, operation, output, running.signal);
    [submit.disabled, stop.hidden] = [false, true];
    running = null;
  });
  form.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });

  const command = h('pre', { tabindex: 0, hidden: true, 'aria-label': 'curl' });
  const copy = h('button', {
    type: 'button',
    async click() {
      const ready = valid();
      command.hidden = !ready;
      if (!ready) return;
      command.textContent = toCurl(ready);
      try {
        await navigator.clipboard.writeText(command.textContent);
        copy.textContent = 'Copied';
      } catch {
        // Not allowed, or no secure connection: then it is there to be selected.
        getSelection().selectAllChildren(command);
        copy.textContent = 'Copy what is selected';
      }
      setTimeout(() => { copy.textContent = 'Copy as curl'; }, 2000);
    },
  }, 'Copy as curl');

  form.append(problem, h('div', { class: 'row' }, submit, stop, copy), command);
  const heading = h('h2', { tabindex: -1 }, operation.summary ?? path);
  const node = h('article', {}, heading,
    h('div', { class: 'faint' }, h('code', {}, `${method.toUpperCase()} ${path}`),
      operation['x-owner-only'] ? h('span', { class: 'bad' }, ' · only for the owner') : null),
    ...prose(operation.description), form, output);
  return { node, heading };
}

/** The fields for a function's arguments, or one for their JSON; what they say. */
function argumentsForm(schema, form) {
  const it = resolve(schema);
  const byName = it.oneOf ? resolve(it.oneOf[0]) : it;
  const { nodes, read } = isUnit(byName) ? { nodes: [], read: () => '[]' } : members(byName);
  if (!nodes.length) {
    form.append(h('p', { class: 'faint' }, 'It takes no arguments.'));
    return read;
  }
  const fields = h('div', {}, ...nodes);
  const text = h('textarea', { id: newId(), rows: 3, spellcheck: 'false' });
  const raw = h('div', { class: 'field', hidden: true }, h('label', { for: text.id }, 'Arguments as JSON'), text);
  const toggle = h('button', {
    type: 'button',
    'aria-pressed': 'false',
    click() {
      const toJson = raw.hidden;
      if (toJson) {
        // What is typed in so far, as far as it is right.
        try {
          text.value = writeJson(readJson(read()));
        } catch {
          text.value ||= '{}';
        }
      }
      [raw.hidden, fields.hidden] = [!toJson, toJson];
      toggle.setAttribute('aria-pressed', String(toJson));
    },
  }, 'Edit as JSON');
  form.append(fields, raw, toggle);
  return () => {
    if (raw.hidden) return read();
    try {
      readJson(text.value);
    } catch {
      throw new Invalid(text, 'The arguments are not JSON.');
    }
    return text.value;
  };
}

// ---- the page ----

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'options', 'head', 'trace'];
const documentUrl = new URL('openapi.json', location.href);
const serverUrl = () => new URL(api.servers[0].url, documentUrl).href;

let loaded = '';
let operations = new Map();
let panels = new Map();

/** What stands behind the page's URL for a function, as the browser writes it. */
const hrefOf = (method, path) => `#/${method}${encodeURI(path)}`;

/** Loads the document, which may be another one for another caller. */
async function load() {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  let text;
  try {
    const response = await fetch(documentUrl, { headers });
    text = await response.text();
    if (!response.ok) throw new Error(text);
  } catch (error) {
    byId('main').replaceChildren(h('p', { class: 'bad', role: 'alert' }, `The functions cannot be loaded: ${error.message}`));
    loaded = '';
    return;
  }
  if (text === loaded) return;
  loaded = text;
  api = JSON.parse(text);
  panels = new Map();
  operations = new Map();
  for (const [path, item] of Object.entries(api.paths ?? {})) {
    for (const method of METHODS) {
      if (Object.hasOwn(item, method)) operations.set(hrefOf(method, path), { method, path, operation: item[method] });
    }
  }
  byId('title').textContent = api.info?.title ?? '';
  list();
  route();
}

/** Lists the functions. */
function list() {
  const groups = (api.tags ?? []).map(tag => {
    const found = [...operations].filter(([, { operation }]) => operation.tags?.includes(tag.name));
    if (!found.length) return null;
    const links = found.map(([href, { operation }]) => h('li', {}, h('a', { href }, operation.summary ?? href)));
    return h('section', {}, h('h2', { title: tag.description }, tag.name), h('ul', {}, ...links));
  });
  byId('list').replaceChildren(...groups.filter(Boolean));
  filter();
}

function filter() {
  const wanted = byId('filter').value.trim().toLowerCase();
  for (const section of byId('list').children) {
    for (const item of section.querySelectorAll('li')) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    section.hidden = ![...section.querySelectorAll('li')].some(item => !item.hidden);
  }
}

/** Shows the function that the URL names. */
function route() {
  if (!api) return;
  const found = operations.get(location.hash);
  for (const link of byId('list').querySelectorAll('a')) {
    if (link.getAttribute('href') === location.hash) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (!found) {
    const hint = operations.size ? 'Choose a function from the list.' : 'The module has no functions that you can call.';
    byId('main').replaceChildren(h('h2', {}, api.info?.title ?? ''),
      h('p', { class: 'faint' }, 'Program ', h('code', {}, api.info?.version ?? '')),
      ...prose(api.info?.description), h('p', {}, hint));
    document.title = api.info?.title ?? '';
    return;
  }
  if (!panels.has(location.hash)) panels.set(location.hash, panel(found));
  const { node, heading } = panels.get(location.hash);
  byId('main').replaceChildren(node);
  document.title = `${found.operation.summary} · ${api.info?.title}`;
  heading.focus();
}

// ---- who calls ----

const TOKEN_KEY = 'orrery-token';
let kept = '';
try {
  kept = sessionStorage.getItem(TOKEN_KEY) ?? '';
} catch {
  // Then it is forgotten when the page goes.
}
const token = () => kept;

function setToken(text) {
  kept = text.trim().replace(/^Bearer\s+/i, '');
  try {
    if (kept) sessionStorage.setItem(TOKEN_KEY, kept);
    else sessionStorage.removeItem(TOKEN_KEY);
  } catch {
    // As above.
  }
  showWho();
  return load();
}

function showWho() {
  byId('token').value = kept;
  let who = kept ? 'with a token' : '';
  try {
    const claims = JSON.parse(atob(kept.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    if (claims.hex_identity) who = `as ${String(claims.hex_identity).slice(0, 8)}…`;
  } catch {
    // The server will say whether it is one.
  }
  byId('who').textContent = who;
}

byId('account').addEventListener('submit', event => {
  event.preventDefault();
  setToken(byId('token').value);
});
byId('forget').addEventListener('click', () => setToken(''));
byId('new-identity').addEventListener('click', async () => {
  try {
    const response = await fetch(new URL('../../identity', location.href), { method: 'POST' });
    if (!response.ok) throw new Error(await response.text());
    await setToken((await response.json()).token);
  } catch (error) {
    byId('who').textContent = `No identity: ${error.message}`;
  }
});
byId('filter').addEventListener('input', filter);
addEventListener('hashchange', route);
addEventListener('keydown', event => {
  if (event.key === '/' && !event.target.closest('input, select, textarea')) {
    event.preventDefault();
    byId('filter').focus();
  }
});
showWho();
load();
