// Every Chinese text that the scripts show, in one place. What never changes stands in index.html.

export const OFFLINE = '与演示程序的连接断了，正在重试。请确认终端里的 huiyin demo 还在运行。'
export const PART_GONE = why => `${why}，页面上的内容可能不是最新的。正在重试；一直这样，请到终端按 Ctrl-C，再运行 huiyin demo。`
export const UNREACHED = '连不上演示程序'
export const LOST = '已断开，正在重试'
export const BY_GATEWAY = '实时 · 消息经 Wechaty 网关'
export const BY_WEBHOOK = '实时 · 消息经 Webhook'

export const NO_LINES = '尚无消息。选一位客户，点一句常用语试试。'
export const NO_CARDS = '尚无卡片。客户等久了，提醒会出现在这里。'
export const NO_CARDS_HERE = '这个群里尚无卡片。'
export const NO_ROWS = {
  today: '尚无记录。群里有人说话后，这里会多出一行。',
  all_rooms: '尚无群聊。回音看到一个群后，这里会多出一行。',
  system_log: '尚无记录。修改「群聊总表」的负责人或阶段后，结果写在这里。',
}
export const HINT = {
  today: '白色格子由经理修改：勾选「消除未回覆记录」，这次等待就取消，回音办完会自动去掉勾。',
  all_rooms: '白色格子由经理修改：改负责人、阶段，勾选核准，十几秒后生效，勾会自动收回。转入售后要先换成售后负责人并勾选核准。',
  system_log: '经理的每次修改是否生效，原因是什么。这张表只读，最新的在最上面。',
}

/** By the title of a view. */
export const VIEW_HINT = {
  待核准列表: '同事提了转售后、还没有核准的群。同意就勾选「核准进入售后阶段」；不同意就把负责人和阶段改回去。',
  无负责人群聊列表: '还不知道由谁负责的群，客户等久了会在公共群问。在「负责人」一格填上名单里的人。',
}
export const NONE_IN_VIEW = '没有这样的群。'

export const CUSTOMER = '客户'
export const TEAM = { pre_sales: '售前', after_sales: '售后', other: '其他' }
export const STAGE = { 'pre-sales': '售前', 'after-sales': '售后' }
export const PHRASES = {
  customer: ['在吗？', '什么时候发货？', '这个多少钱？', '好的', '谢谢'],
  staff: ['稍等，马上看', '今天下午发货', '您看这样可以吗？', '好的'],
}
export const NO_OWNER = '暂无负责人'
export const NOT_WAITING = '无等待'
export const QUIET = '还没有人说话'
export const DRAFT = name => `以 ${name} 的身份说…`
export const OWNER = name => `负责人 ${name}`
export const WAITING = (time, what) => `${{ soft: '软等待', promise: '已承诺' }[what] ?? '等待中'} ${time}`
export const NEXT_CARD = (time, colour) => `${time} 后发${colour}卡片`

export const COLOUR = {
  blue: '蓝色', wathet: '浅蓝', turquoise: '青色', green: '绿色', yellow: '黄色', orange: '橙色', red: '红色',
  carmine: '洋红', violet: '紫罗兰', purple: '紫色', indigo: '靛青', grey: '灰色',
}
/** 等待状态 in the table. */
export const WAIT_STATE = {
  等待中: 'waiting', 待核实: 'waiting', 已回复: 'answered', '已回复（用时待核实）': 'answered', 已确认回复: 'answered', 已取消: 'cancelled',
  软等待: 'waiting', 已承诺待兑现: 'waiting', '已回复（软等待）': 'answered', 已兑现承诺: 'answered',
}

export const CELL = (column, room) => `${column}，${room || '未命名的群'}`
export const READ_ONLY = '由回音写入，经理不修改'

export const ALL_CHATS = '全部'
export const PUBLIC_CHAT = '公共群'
export const OPERATORS_CHAT = '运维群'
export const PRIVATE_OF = name => `${name}的提醒群`
export const OPEN_CARDS = count => `${count} 张未处理`
export const UPDATED = '已更新'
export const RECALLED = '消息已撤回'
export const URGENT = '已加急'
export const AS = name => `以 ${name} 的身份`
export const AT_ALL = '@所有人'
export const SOMEBODY = '某人'
export const PRESS_FAILED = code => `飞书没有办成（代码 ${code}），请稍后再点一次。`

export const REMOVE = '把助手账号移出群'
export const BRING_BACK = '把助手账号拉回群'
export const CANNOT_MOVE = why => `没有办成：${why}。请稍后再试一次。`
export const CANNOT_SAY = why => `这句话没有发出去：${why}。请稍后再发一次。`
export const CANNOT_EDIT = why => `维格表没有接受这次修改：${why}。请稍后再改一次。`
export const CANNOT_PRESS = why => `按钮没有点成：${why}。请稍后再点一次。`
export const SERVICE_FAILED = service => `服务 ${service} 出错退出过，已自动重新启动。页面一直不动的话，请看终端里写的原因，再重新运行 huiyin demo。`
export const NO_ANSWER = '演示程序的回答读不懂'
