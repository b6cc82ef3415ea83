// Calls to the page's own server. The services behind it answer a refusal with 200 as well as with an error, so every
// answer is looked at here once, and callers see either what they asked for or a `Refusal` with a reason.

import { NO_ANSWER } from './words.js'

/** Longer than any answer should take; then the next attempt is made. */
const TIMEOUT_MS = 8000

export const scene = () => call('/api/scene')
export const state = () => call('/api/state')
export const say = (room, talker, text) => call('/api/say', { room, talker, text })
export const presence = (room, inside) => call('/api/presence', { room, inside })
export const edit = (sheet, record, column, value) => call('/api/edit', { sheet, record, column, value })
export const click = (message, person, button, option) =>
  call('/api/click', { message_id: message, open_id: person, button, option })

async function call (path, body) {
  const post = body && {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  }
  const response = await fetch(path, { ...post, signal: AbortSignal.timeout(TIMEOUT_MS) })
  const answer = await response.json().catch(() => null)
  const refusal = refusalIn(answer, response.ok)
  if (refusal) throw new Refusal(refusal)
  return answer
}

/** The demo has answered, and said no; any other error means that it was not reached. */
export class Refusal extends Error {}

/** The gateway says `error`, Vika `success` and `message`, the webhook lists what it rejected. */
function refusalIn (answer, ok) {
  if (!answer) return NO_ANSWER
  if (answer.error) return text(answer.error)
  if (answer.success === false) return text(answer.message)
  if (answer.rejected?.length) return text(answer.rejected[0].reason ?? answer.rejected[0])
  return ok ? null : NO_ANSWER
}

function text (value) {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
