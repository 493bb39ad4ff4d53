// Loaded first by every Node program under `mockserver exec`. Every connection of Node's - http, https, fetch, TLS -
// begins in net.Socket's connect: there the documented hosts are led to the mock, and all but this machine is refused.
// Certificates are still checked, for the name that the program asked for.
"use strict";
const net = require("net");

const PORTS = JSON.parse(process.env.MOCKSERVER_INTERCEPT || "{}");
const connect = net.Socket.prototype.connect;

const isHere = (host) =>
  host === "localhost" || host === "::1" || host === "::" || host === "0.0.0.0" || /^127(\.\d{1,3}){3}$/.test(host);

function refusal(target) {
  const hosts = [...new Set(Object.keys(PORTS).map((one) => one.split(":")[0]))].join(" and ");
  const error = new Error(`mockserver exec: refused ${target}: only ${hosts} are served here`);
  return Object.assign(error, { code: "ECONNREFUSED", syscall: "connect" });
}

// Arguments come as (options, done), (port, host, done), (path, done), or as net's own normalised [[options, done]].
function optionsOf(args) {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (first !== null && typeof first === "object") return first;
  if (typeof first === "string" && !/^\d+$/.test(first)) return { path: first };
  return { port: first, host: typeof args[1] === "string" ? args[1] : undefined };
}

function led(args, options) {
  if (Array.isArray(args[0])) {
    args[0][0] = options;
    return args;
  }
  return [options, ...args.filter((one) => typeof one === "function")];
}

if (Object.keys(PORTS).length > 0) {
  net.Socket.prototype.connect = function (...args) {
    const options = optionsOf(args);
    const host = String(options.host || "localhost").toLowerCase().replace(/^\[|\]$|\.$/g, "");
    const standIn = PORTS[`${host}:${options.port}`];
    if (standIn) return connect.apply(this, led(args, { ...options, host: "127.0.0.1", port: standIn }));
    if (options.path || isHere(host)) return connect.apply(this, args);
    process.nextTick(() => this.destroy(refusal(`${host}:${options.port}`)));
    return this;
  };
}
