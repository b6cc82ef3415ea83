// The line at the bottom of the page: something is wrong, and what to do about it. It blocks nothing.

import { byId, setText } from './dom.js'

const SHOWN_MS = 7000

/** What stays until it is mended, by kind. */
const standing = new Map()
let passing = null
let timer = 0

/** Sets (or with `null` takes back) a standing warning. */
export function warning (kind, text) {
  if (text) standing.set(kind, text)
  else standing.delete(kind)
  show()
}

/** Shows something for a few seconds. */
export function warn (text) {
  passing = text
  clearTimeout(timer)
  timer = setTimeout(() => {
    passing = null
    show()
  }, SHOWN_MS)
  show()
}

function show () {
  const text = passing ?? [...standing.values()][0]
  const line = byId('notice')
  line.hidden = !text
  setText(line, text ?? '')
}

let perform = action => action()

/** Sets how actions are carried out. */
export function onAction (how) {
  perform = how
}

/** Does something that a player asked for; the answer, or `null` after a failure that has been shown. */
export function act (action, words) {
  return perform(action, words)
}
