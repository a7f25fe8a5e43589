// Loads a program, makes its calls and writes one frame each: what mendloop.tools.sandbox.inside.program does for
// Python. Nothing here decides about a verdict; the host compares with values that never came in.
"use strict";
const fs = require("fs");
const vm = require("vm");

const VERDICT = 255;
const LOADED = 1, OUTCOME = 2, NO_MEMORY = 3;
const MAX_DEPTH = 64, MAX_ITEMS = 100000, MAX_TEXT = 1000000, MAX_ITERATED = 10000, MAX_MESSAGE = 2000;
const KINDS = ["EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError", "Error"];

const write = fs.writeSync, exit = process.reallyExit.bind(process), now = performance.now.bind(performance);
const stringify = JSON.stringify, isArray = Array.isArray, isSafe = Number.isSafeInteger, text = String;
const prototypeOf = Object.getPrototypeOf, describe = Object.getOwnPropertyDescriptor, keysOf = Object.keys;
const bytes = Buffer.from, room = Buffer.alloc, join = Buffer.concat, same = Object.is;

class Unencodable extends Error {}

function send(kind, index, body) {
  const data = bytes(body, "utf8"), head = room(9);
  head.writeUInt8(kind, 0);
  head.writeUInt32LE(index, 1);
  head.writeUInt32LE(data.length, 5);
  let frame = join([head, data]);
  while (frame.length) frame = frame.subarray(write(VERDICT, frame));
}

function encoder() {
  let items = MAX_ITEMS, characters = MAX_TEXT;
  function spend(count) {
    items -= 1;
    characters -= count;
    if (items < 0 || characters < 0) throw new Unencodable("the value is too large");
  }
  function string(value) {
    spend(value.length);
    if (value.isWellFormed ? value.isWellFormed() : !/[\ud800-\udfff]/u.test(value)) return ascii(value);
    spend(3 * value.length);
    return `["str","${bytes(value, "utf16le").toString("hex")}"]`;
  }
  function number(value) {
    spend(24);
    if (isSafe(value) && !same(value, -0)) return text(value);
    if (value !== value) return '["float","nan"]';
    if (value === Infinity || value === -Infinity) return `["float","${value > 0 ? "inf" : "-inf"}"]`;
    return `["float","${same(value, -0) ? "-0.0" : text(value)}"]`;
  }
  function list(tag, values, depth) {
    const parts = [];
    for (let at = 0; at < values.length; at += 1) parts.push(value(values[at], depth + 1));
    return `["${tag}",[${parts.join(",")}]]`;
  }
  function pairs(entries, depth) {
    const parts = entries.map(([key, item]) => `[${value(key, depth + 1)},${value(item, depth + 1)}]`);
    return `["dict",[${parts.join(",")}]]`;
  }
  function value(thing, depth) {
    if (thing === null || thing === undefined) { spend(0); return "null"; }
    if (thing === true || thing === false) { spend(0); return text(thing); }
    if (typeof thing === "number") return number(thing);
    if (typeof thing === "string") return string(thing);
    if (typeof thing === "bigint") {
      const digits = (thing < 0n ? -thing : thing).toString(16);
      spend(digits.length);
      return `["int","${thing < 0n ? "-" : ""}0x${digits}"]`;
    }
    if (depth >= MAX_DEPTH) throw new Unencodable("the value is nested too deeply");
    spend(0);
    if (isArray(thing)) return list("list", thing, depth);
    if (thing instanceof Map) return pairs([...thing], depth);
    if (thing instanceof Set) return list("set", [...thing], depth);
    const base = typeof thing === "object" ? prototypeOf(thing) : undefined;
    if (base === null || (base && base.constructor && base.constructor.name === "Object")) {
      return pairs(keysOf(thing).map((key) => [key, thing[key]]), depth);
    }
    if (typeof thing === "object" && typeof thing.next === "function") {
      const drawn = [];
      for (let step = thing.next(); !step.done; step = thing.next()) {
        drawn.push(step.value);
        if (drawn.length > MAX_ITERATED) throw new Unencodable(`an iterator of more than ${MAX_ITERATED} items`);
      }
      return list("iter", drawn, depth);
    }
    const name = typeof thing === "object" && base && base.constructor ? base.constructor.name : typeof thing;
    throw new Unencodable(`a value of type ${name} is not encodable`);
  }
  return (thing) => value(thing, 0);
}

function ascii(value) {
  return stringify(value).replace(/[\u007f-\uffff]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function raised(error) {
  const known = typeof error === "object" && error !== null && error.constructor;
  const type = known ? text(error.constructor.name || "Error") : `thrown ${typeof error}`;
  let base = "Error";
  for (let at = known ? error : null, steps = 0; at && steps < 50; at = prototypeOf(at), steps += 1) {
    const own = describe(at, "constructor");
    if (own && own.value && KINDS.includes(own.value.name)) { base = own.value.name; break; }
  }
  let message = "";
  try { message = text(known ? error.message : error).slice(0, MAX_MESSAGE); } catch (_) { message = "<no message>"; }
  const line = known && typeof error.stack === "string" ? /solution\.js:(\d+)/.exec(error.stack) : null;
  return `{"type":${ascii(type)},"base":"${base}","builtin":${KINDS.includes(type)},"message":${ascii(message)},` +
    `"line":${line ? line[1] : "null"}}`;
}

function report(index, error, began) {
  const ms = since(began);
  const memory = error instanceof RangeError && /allocation failed|Invalid array length|Invalid string length/.test(error.message);
  const status = error instanceof Unencodable ? "unencodable" : "raised";
  const kind = status === "raised" && memory && /allocation failed/.test(error.message) ? NO_MEMORY : OUTCOME;
  send(kind, index, `{"status":"${kind === NO_MEMORY ? "memory" : status}","ms":${ms},"error":${raised(error)}}`);
}

function since(began) {
  return Math.round((now() - began) * 1000) / 1000;
}

async function main() {
  const calls = JSON.parse(fs.readFileSync("calls.json", "utf8"));
  const code = fs.readFileSync("solution.js", "utf8");
  const loaded = now();
  const module = { exports: {} };
  Object.assign(globalThis, { module, exports: module.exports, require });
  try {
    vm.runInThisContext(code, { filename: "solution.js" });
    for (const name of keysOf(module.exports)) if (!(name in globalThis)) globalThis[name] = module.exports[name];
  } catch (error) {
    for (const [index] of calls) report(index, error, loaded);
    return;
  }
  send(LOADED, 0, "");
  for (const [index, call] of calls) {
    const began = now();
    try {
      if (call.setup) vm.runInThisContext(call.setup, { filename: "setup.js" });
      let result = vm.runInThisContext(`(${call.call}\n)`, { filename: "call.js" });
      if (result instanceof Promise) result = await result;
      const encoded = encoder()(result);
      const after = (call.after || []).filter((name) => has(name));
      const said = after.map((name) => `${ascii(name)}:${encoder()(vm.runInThisContext(name))}`);
      const rest = said.length ? `,"after":{${said.join(",")}}` : "";
      send(OUTCOME, index, `{"status":"returned","ms":${since(began)},"value":${encoded}${rest}}`);
    } catch (error) {
      report(index, error, began);
    }
  }
}

function has(name) {
  try { vm.runInThisContext(name); return true; } catch (_) { return false; }
}

main().then(() => exit(0), () => exit(1));
