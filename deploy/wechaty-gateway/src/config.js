/**
 * Where the gateway's settings come from: a JSON file (`GATEWAY_CONFIG`) and, above it, the environment.
 *
 * Everything wrong is reported at once, by setting name. Values of secrets are never repeated in an error.
 *
 * | environment             | in the file     | meaning                                                              |
 * |-------------------------|-----------------|----------------------------------------------------------------------|
 * | GATEWAY_PUPPET          | puppet          | `mock` (default) or the name of an installed puppet package           |
 * | GATEWAY_PUPPET_OPTIONS  | puppet_options  | object handed to the puppet's constructor (JSON text in the environment) |
 * | GATEWAY_TOKEN           | token           | what clients send as `authorization: Wechaty <token>`                 |
 * | GATEWAY_TOKEN_FILE      | token_file      | the same from a file, for secret mounts                               |
 * | GATEWAY_ENDPOINT        | endpoint        | host:port of gRPC, default 127.0.0.1:18788; port 0 takes a free one   |
 * | GATEWAY_CONTROL         | control         | host:port of the mock's control port, default 127.0.0.1:0; `off` for none; beyond loopback it asks for the token |
 * | GATEWAY_WORLD           | world           | JSON file with the mock account's contacts and rooms                  |
 * | GATEWAY_TLS_CERT_FILE   | tls_cert_file   | own certificate (PEM, X.509 v3 with a SAN), together with the key     |
 * | GATEWAY_TLS_KEY_FILE    | tls_key_file    |                                                                      |
 * | GATEWAY_ALLOW_PLAINTEXT | allow_plaintext | `1`: no TLS beyond loopback (a private container network)             |
 * | GATEWAY_LOG             | log             | silent, error, warn (default) or info                                 |
 * | EXIT_WITH_PARENT        | –               | `1`: end when standard input is closed                                |
 */
import { readFileSync } from 'node:fs'

const KEYS = [
  'puppet', 'puppet_options', 'token', 'token_file', 'endpoint', 'control', 'world',
  'tls_cert_file', 'tls_key_file', 'allow_plaintext', 'log',
]

/** The libraries below print the token at `verbose` and `silly`, so those levels do not exist here. */
const LOG_LEVELS = ['silent', 'error', 'warn', 'info']

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1', '[::1]'])

/** A list of everything that is wrong with the settings. */
export class ConfigError extends Error {
  constructor (problems) {
    super(`the gateway's settings are wrong:\n${problems.map(problem => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Reads and checks all settings. Throws `ConfigError`. */
export function readConfig (env) {
  const problems = []
  const raw = { ...readFile(env, problems), ...readEnvironment(env, problems) }
  const config = {
    allowPlaintext: isYes(raw.allow_plaintext),
    control: raw.control === 'off' ? undefined : parseAddress(raw.control ?? '127.0.0.1:0', 'control', problems),
    endpoint: parseAddress(raw.endpoint ?? '127.0.0.1:18788', 'endpoint', problems),
    exitWithParent: isYes(env.EXIT_WITH_PARENT),
    log: raw.log ?? 'warn',
    puppet: raw.puppet ?? 'mock',
    puppetOptions: raw.puppet_options ?? {},
    tls: readTls(raw, problems),
    token: readToken(raw, problems),
    world: raw.world,
  }
  check(config, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

export function isLoopback (host) {
  return LOOPBACK.has(host)
}

function check (config, problems) {
  if (!LOG_LEVELS.includes(config.log)) problems.push(`log: one of ${LOG_LEVELS.join(', ')}`)
  if (config.endpoint && !config.tls && !config.allowPlaintext && !isLoopback(config.endpoint.host)) {
    problems.push('endpoint: beyond loopback needs tls_cert_file and tls_key_file, or allow_plaintext=1 on a private network')
  }
}

function readFile (env, problems) {
  if (!env.GATEWAY_CONFIG) return {}
  const values = readJson(env.GATEWAY_CONFIG, 'GATEWAY_CONFIG', problems)
  if (values === undefined) return {}
  if (!isObject(values)) {
    problems.push('GATEWAY_CONFIG: the file must hold one JSON object')
    return {}
  }
  for (const key of Object.keys(values)) {
    if (!KEYS.includes(key)) problems.push(`${key}: unknown setting; known are ${KEYS.join(', ')}`)
  }
  return values
}

function readEnvironment (env, problems) {
  const values = {}
  for (const key of KEYS) {
    const value = env[`GATEWAY_${key.toUpperCase()}`]
    if (value !== undefined && value !== '') values[key] = value
  }
  if (typeof values.puppet_options === 'string') {
    try {
      values.puppet_options = JSON.parse(values.puppet_options)
    } catch {
      problems.push('puppet_options: not JSON')
    }
  }
  return values
}

function readToken (raw, problems) {
  let token = raw.token
  if (raw.token_file !== undefined) token = readText(raw.token_file, 'token_file', problems)?.trim()
  if (typeof token !== 'string' || !/^[\x21-\x7e]{8,200}$/.test(token)) {
    problems.push('token: 8 to 200 visible ASCII characters, by value or by token_file')
  }
  return token
}

function readTls (raw, problems) {
  if (raw.tls_cert_file === undefined && raw.tls_key_file === undefined) return undefined
  if (raw.tls_cert_file === undefined || raw.tls_key_file === undefined) {
    problems.push('tls_cert_file and tls_key_file: both or none')
    return undefined
  }
  return {
    serverCert: readText(raw.tls_cert_file, 'tls_cert_file', problems),
    serverKey: readText(raw.tls_key_file, 'tls_key_file', problems),
  }
}

/** `host:port`, also `[::1]:port`. */
export function parseAddress (text, name, problems) {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(String(text))
  const port = match ? Number(match[2]) : NaN
  if (!match || port > 65535) {
    problems.push(`${name}: host:port expected`)
    return undefined
  }
  return { host: match[1], port }
}

function readText (path, name, problems) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    problems.push(`${name}: cannot be read (${error.code})`)
    return undefined
  }
}

function readJson (path, name, problems) {
  const text = readText(path, name, problems)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    problems.push(`${name}: not JSON`)
    return undefined
  }
}

function isYes (value) {
  return value === true || value === '1' || value === 'true'
}

function isObject (value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
