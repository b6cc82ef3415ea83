// Starts the page: asks for the scene once and for the state every second, and hands both to the three panels.

import * as api from './api.js'
import * as cards from './cards.js'
import { arrowKeys, byId, setText } from './dom.js'
import { known } from './model.js'
import { onAction, warn, warning } from './notice.js'
import * as rooms from './rooms.js'
import * as sheets from './sheets.js'
import { BY_GATEWAY, BY_WEBHOOK, LOST, OFFLINE, PART_GONE, SERVICE_FAILED, UNREACHED } from './words.js'

const EVERY_MS = 1000
const PANELS = [rooms, sheets, cards]

let asking = false
let again = false
let shown = ''

/** Asks and shows; a wish that arrives while asking is granted right after. */
async function refresh () {
  if (asking) {
    again = true
    return
  }
  asking = true
  try {
    await ask()
    connected(null)
  } catch (error) {
    connected(error instanceof api.Refusal ? PART_GONE(error.message) : OFFLINE)
  }
  asking = false
  if (again) {
    again = false
    await refresh()
  }
}

async function ask () {
  if (!known.scene) {
    known.scene = await api.scene()
    if (known.scene.board) {
      byId('board').href = '/board'
      byId('board').hidden = false
    }
    PANELS.forEach(panel => panel.begin())
  }
  const state = await api.state()
  known.clockOffset = Date.parse(state.now) - Date.now()
  known.state = state
  // The time alone is no news.
  const text = JSON.stringify({ ...state, now: null })
  if (text === shown) return
  shown = text
  PANELS.forEach(panel => panel.show())
}

/** Says how the connection is: `null`, or what is wrong with it. */
function connected (trouble) {
  document.body.classList.toggle('offline', trouble !== null)
  const way = known.scene?.gateway ? BY_GATEWAY : BY_WEBHOOK
  setText(byId('link-text'), trouble === null ? way : LOST)
  const [failed] = Object.keys(known.state?.failures ?? {})
  warning('connection', trouble)
  warning('service', failed ? SERVICE_FAILED(failed) : null)
}

/** Which panel a narrow window shows. */
function view (name) {
  document.body.dataset.view = name
  for (const tab of document.querySelectorAll('.views [role=tab]')) {
    const chosen = tab.dataset.view === name
    tab.setAttribute('aria-selected', chosen)
    tab.tabIndex = chosen ? 0 : -1
  }
  PANELS.forEach(panel => panel.uncovered?.())
}

function begin () {
  const views = document.querySelector('.views')
  views.addEventListener('click', event => {
    const tab = event.target.closest('[role=tab]')
    if (tab) view(tab.dataset.view)
  })
  arrowKeys(views)
  view('rooms')
  onAction(async (action, words) => {
    try {
      return await action()
    } catch (error) {
      // What the browser says of a lost connection is in its own words.
      warn(words(error instanceof api.Refusal ? error.message : UNREACHED))
      return null
    } finally {
      // What a player did on the page is not what is true; a refused edit changes nothing, and must be taken back.
      shown = ''
      refresh()
    }
  })
  setInterval(refresh, EVERY_MS)
  setInterval(rooms.tick, EVERY_MS)
  refresh()
}

begin()
