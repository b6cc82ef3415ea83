// The Feishu groups: which there are, what stands in each, and who presses a button.

import * as api from './api.js'
import * as cards from './card.js'
import { byId, el, keepEnd, keyed, setAttribute, setText } from './dom.js'
import { clock, known } from './model.js'
import { act } from './notice.js'
import * as words from './words.js'

/** Every chat at once. */
const ALL = ''
const TOAST_MS = 4000

let chosen = ALL
let toastTimer = 0

function company () {
  return known.scene.company
}

/** The public group first, then the operators', then everybody's own. */
function chats () {
  const own = company().roster.filter(({ name }) => company().chats[name])
  return [
    { id: ALL, name: words.ALL_CHATS },
    { id: company().public_chat, name: words.PUBLIC_CHAT },
    ...(company().operators_chat ? [{ id: company().operators_chat, name: words.OPERATORS_CHAT }] : []),
    ...own.map(({ name }) => ({ id: company().chats[name], name, owner: name })),
  ]
}

function messages () {
  return known.state?.cards.messages ?? []
}

export function begin () {
  const people = Object.entries(company().people)
  byId('presser').replaceChildren(...people.map(([id, name]) => el('option', { value: id, text: name })))
  // A manager is the one who works in the public group.
  const managers = company().roster.filter(({ team }) => team === 'other').map(({ name }) => name)
  byId('presser').value = people.find(([, name]) => managers.includes(name))?.[0] ?? people[0]?.[0]
  byId('presser').addEventListener('change', showStream)
}

export function show () {
  showChats()
  showStream()
}

export function uncovered () {
  const stream = byId('stream')
  stream.scrollTop = stream.scrollHeight
}

function isOpen (message) {
  return !message.recalled && Boolean(message.card) && cards.isOpen(message.card)
}

function showChats () {
  keyed(byId('chats'), chats(), {
    key: chat => chat.id,
    create: chat => el('button', { type: 'button', class: 'chat', click: () => choose(chat.id) },
      el('span', { text: chat.name }), el('span', { class: 'count' })),
    update: (node, chat) => {
      const open = messages().filter(message => (chat.id === ALL || message.chat_id === chat.id) && isOpen(message)).length
      setAttribute(node, 'aria-pressed', String(chat.id === chosen))
      setAttribute(node, 'title', open ? words.OPEN_CARDS(open) : null)
      setText(node.querySelector('.count'), open ? String(open) : '')
    },
  })
}

function choose (chat) {
  chosen = chat
  show()
  uncovered()
}

function showStream () {
  const shown = messages().filter(message => chosen === ALL || message.chat_id === chosen)
  const empty = { message_id: 'empty', words: messages().length ? words.NO_CARDS_HERE : words.NO_CARDS }
  keepEnd(byId('stream'), () => keyed(byId('stream'), shown.length ? shown : [empty], {
    key: message => message.message_id,
    create: message => message.words ? el('p', { class: 'empty' }) : el('article', { class: 'message' }),
    update: (node, message) => message.words ? setText(node, message.words) : showMessage(node, message),
  }))
}

/** Drawn anew only when something about it has changed: it holds a button that may have the focus. */
function showMessage (node, message) {
  const presser = presserOf(message)
  const version = JSON.stringify([message.update_time, message.updates, message.recalled, presser, message.urgent_to])
  if (node.version === version) return
  node.version = version
  const chat = chats().find(chat => chat.id === message.chat_id)
  const title = chat?.owner ? words.PRIVATE_OF(chat.owner) : chat?.name ?? words.PUBLIC_CHAT
  node.replaceChildren(
    el('p', { class: 'message-head' }, el('b', { text: title }), el('time', { text: time(message.create_time) }),
      message.updates ? el('span', { class: 'updated', text: words.UPDATED }) : '',
      message.urgent_to?.length ? el('span', { class: 'updated', text: words.URGENT }) : ''),
    body(message, presser))
}

function time (at) {
  // Feishu writes milliseconds, the simulator may write a date.
  return clock(/^\d+$/.test(at) ? Number(at) : at)
}

function body (message, presser) {
  if (message.recalled) return el('p', { class: 'words', text: words.RECALLED })
  const press = (index, confirm, option) => ask(message, presser, index, confirm, option)
  if (message.card) return cards.cardNode(message.card, { nameOf, as: words.AS(nameOf(presser)), press })
  return el('p', { class: 'words', text: textOf(message.content) })
}

function textOf (content) {
  try {
    return String(JSON.parse(content).text ?? content)
  } catch {
    return content
  }
}

function nameOf (id) {
  return id === 'all' ? words.AT_ALL.slice(1) : company().people[id] ?? words.SOMEBODY
}

/** In a group of one's own one presses oneself; elsewhere the player chooses. */
function presserOf (message) {
  const owner = chats().find(chat => chat.id === message.chat_id)?.owner
  const person = Object.entries(company().people).find(([, name]) => name === owner)
  return person?.[0] ?? byId('presser').value
}

/** Asks first where the card says so, as the Feishu client does. */
function ask (message, presser, index, confirm, option) {
  if (!confirm) return press(message, presser, index, option)
  const dialog = byId('confirm')
  setText(byId('confirm-title'), confirm.title?.content ?? '')
  setText(byId('confirm-text'), confirm.text?.content ?? '')
  setText(byId('confirm-who'), words.AS(nameOf(presser)))
  dialog.returnValue = 'no'
  dialog.onclose = () => {
    if (dialog.returnValue === 'yes') press(message, presser, index, option)
  }
  dialog.showModal()
}

async function press (message, presser, index, option) {
  const seen = await act(() => api.click(message.message_id, presser, index, option), words.CANNOT_PRESS)
  if (!seen) return
  if (seen.client_code) toast('error', words.PRESS_FAILED(seen.client_code))
  else if (seen.toast) toast(seen.toast.type ?? 'info', seen.toast.content)
}

function toast (kind, text) {
  const node = byId('toast')
  node.className = `toast ${kind}`
  node.hidden = false
  setText(node, text)
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => { node.hidden = true }, TOAST_MS)
}
