"""Runs the whole surface of an official Python SDK of Vika, `vika` or `apitable`, against a simulator: for judge.py.

    python_sdk.py vika http://127.0.0.1:8401

Both packages speak to the same API, in the same words; only the first name of the client differs.
"""

import functools
import importlib
import inspect
import json
import pkgutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import requests

CONTRACT = json.loads(Path(__file__).with_name("contract.json").read_text("utf-8"))
SAYS = CONTRACT["messages"]
SPACE, BOT, MANAGER = "spcHuiyinDemo", "uskBot", "uskManager"
KEYS = [row["群ID"] for row in CONTRACT["rows"]]

# Functions that cannot be called, or not to any effect: a pacing that no client of the packages is given, two whose bodies
# are `pass`, and one that works while the package is imported.
IDLE = {
    *(f"ApitableSession.{name}" for name in ("get", "post", "patch", "delete")),
    *("SpaceManager.get", "Datasheet.refresh", "timed_lru_cache"),
}

package, url = sys.argv[1:]
sdk = importlib.import_module(package)
errors = importlib.import_module(f"{package}.exceptions")
Client = sdk.Vika if package == "vika" else sdk.Apitable

checks, wrong = 0, []
answers = []  # every HTTP answer that the SDK got
reached = set()


def same(what, found, right):
    global checks
    checks += 1
    if found != right:
        wrong.append(f"{what}: {found!r}, expected {right!r}")


def tried(call):
    """What a call gives, or how it fails."""
    try:
        return call()
    except Exception as error:
        return error


def refused(what, call, message, kind=Exception):
    """The SDK gives up with this very class and message."""
    found = tried(call)
    if isinstance(found, Exception):
        found = (type(found), found.args[0] if found.args else None)
    same(what, found, (kind, message))


def unconnected(what, call):
    same(what, type(tried(call)), requests.exceptions.ConnectionError)


def answered(what, status, code):
    """The last answer as it was on the line. Most errors are HTTP 200; only the body tells."""
    body = answers[-1].json()
    same(what, (answers[-1].status_code, body["code"], body["success"]), (status, code, code == 200))


def client(token=BOT):
    made = Client(token, api_base=url)
    made.request.hooks["response"].append(lambda response, **_: answers.append(response))
    return made


def sim(method, path, body=None):
    response = requests.request(method, f"{url}/_sim/{path}", json=body, timeout=30)
    response.raise_for_status()
    return response.json() if response.content else None


def new_sheet(fields=None, **options):
    """A sheet without the rows of the template."""
    sim("POST", "settings", {"blank_rows": False})
    made = client().space(SPACE).datasheets.create({"name": "样表", "fields": fields or CONTRACT["fields"]})
    return client().space(SPACE).datasheet(made.id, **options)


def filled():
    """The four rows of the contract, and a column computed from another."""
    sheet = new_sheet()
    number = sheet.fields.get("人数").id
    sheet.fields.create({"type": "Formula", "name": "双倍", "property": {"expression": f"{{{number}}}*2"}})
    sheet.records.bulk_create(CONTRACT["rows"])
    return sheet


def keys(records):
    return [record.群ID for record in records]


def spaces_and_nodes():
    made = client()
    same("spaces", [(s.id, s.name) for s in made.spaces.all()], [(SPACE, "回音演示")])
    name = "节点" + made.space(SPACE).datasheets.create({"name": "节点一"}).id
    sheet = made.space(SPACE).datasheets.create({"name": name}).id
    listed = {node.id: (node.name, node.type.value, node.isFav) for node in made.space(SPACE).nodes.all()}
    same("nodes of a space", listed.get(sheet), (name, "Datasheet", False))
    same("nodes by id of the space", {n.id for n in made.nodes.all(spaceId=SPACE)}, set(listed))
    node = made.nodes.get(sheet)
    same("a node", (node.id, node.name, node.type.value), (sheet, name, "Datasheet"))
    search = made.space(SPACE).nodes.search
    same("nodes found", [(n.id, n.permission) for n in search(type="Datasheet", query=name)], [(sheet, 0)])
    same("nodes of other kinds", search(type="Folder", query=name), [])
    same("nodes that may be managed", [n.id for n in search(type="Datasheet", query=name, permissions="0,1")], [sheet])
    same("nodes that may only be read", search(type="Datasheet", query=name, permissions="3"), [])
    refused("nodes of a stranger's space", lambda: made.nodes.all(spaceId="spcElsewhere"), SAYS["stranger"])
    answered("a stranger's space", 403, 403)
    same("sheet by its address", made.datasheet(f"https://example.com/workbench/{sheet}/viwAny").id, sheet)
    made.set_api_base("http://127.0.0.1:1")
    unconnected("another base", made.spaces.all)


def sheets_and_fields():
    sim("POST", "settings", {"blank_rows": True})
    made = (
        client()
        .space(SPACE)
        .create_datasheet(
            {"name": "字段", "description": "说明", "folderId": "", "preNodeId": "", "fields": CONTRACT["fields"]}
        )
    )
    answered("a new sheet", 201, 200)
    same("fields of a new sheet", [f.name for f in made.data.items], [f["name"] for f in CONTRACT["fields"]])
    same("ids of a new sheet", (made.data.id[:3], {f.id[:3] for f in made.data.items}), ("dst", {"fld"}))
    sheet = client().space(SPACE).datasheet(made.data.id)
    blank = sheet.records.all()
    same("rows of the template", [sorted(record.json()) for record in blank], [["创建人", "创建时间", "自增"]] * 3)
    same("the template's rows deleted", blank.delete(), True)
    same("the sheet after that", sheet.records.all().count(), 0)

    types = [(field.name, field.type) for field in sheet.fields.all()]
    same("types", types, [(f["name"], f["type"]) for f in CONTRACT["fields"]])
    raw = {field["name"]: field.get("property") for field in answers[-1].json()["data"]["fields"]}
    for name, right in CONTRACT["properties"].items():
        same(f"property of {name}", raw[name], right)
    same("options", [option["name"] for option in raw["阶段"]["options"]], ["售前", "售后"])
    same("an option", sorted(raw["阶段"]["options"][0]), ["color", "id", "name"])
    same("option as read", sheet.fields.get("阶段").property.options[1].name, "售后")
    same("members", {m.name: m.type.value for m in sheet.fields.get("负责人").property.options}["王经理"], "Member")
    same("the primary field", (sheet.primary_field.name, sheet.primary_field.isPrimary), ("群ID", True))
    same(
        "field by place and by name",
        (sheet.fields[3].name, "标签" in sheet.fields, "没有" in sheet.fields),
        ("标签", True, False),
    )
    same(
        "what can be written",
        [f.name for f in sheet.fields.all() if not f.editable],
        ["自增", "创建时间", "创建人", "修改时间", "修改人"],
    )

    added = sheet.fields.create({"type": "Rating", "name": "星级", "property": {"icon": "star", "max": 5}})
    answered("a new field", 201, 200)
    same("a new field", (added.id[:3], added.name), ("fld", "星级"))
    same("fields with it", sheet.fields.all()[-1].id, added.id)
    same("a field deleted", sheet.fields.delete(added.id), True)
    same("fields without it", [f.name for f in sheet.fields.all()][-1], "修改人")
    refused("deleting no field", lambda: sheet.delete_field("fldNope"), SAYS["no_field"])
    refused("deleting the first field", lambda: sheet.delete_field(sheet.primary_field.id), SAYS["first_field"])
    for field, message in CONTRACT["bad_fields"]:
        refused(f"field {field}", lambda: sheet.create_field(field), message)
        answered(f"field {field}", 200, 400)
    for body, message in CONTRACT["bad_sheets"]:
        refused(f"sheet {body}", lambda: client().space(SPACE).datasheets.create(body), message)
        answered(f"sheet {body}", 200, 400)
    for what, create in [
        ("sheet", lambda: client().space(SPACE).datasheets.create({})),
        ("field", lambda: sheet.create_field({"type": "Text"})),
    ]:
        refused(f"{what} without a name", create, "API Server Error: 500", errors.ServerError)
        same(f"{what} without a name says", answers[-1].json()["message"], SAYS["nameless"])

    views = sheet.views.all()
    same("views", [(view.id[:3], view.name, view.type.value) for view in views], [("viw", "维格视图", "Grid")])
    sheet.records.create({"群ID": "a", "人数": 1})
    sim("POST", "columns", {"sheet": sheet.id, "column": "人数", "action": "hide"})
    same("a row without view", sheet.records.all()[0].json().get("人数"), 1)
    same("a row through a view", "人数" in sheet.records.all(viewId=views[0].id)[0].json(), False)
    same("fields through a view", "人数" in [f.name for f in sheet.fields.all(viewId=views[0].id)], False)
    refused("a view that is not there", lambda: sheet.records.all(viewId="viwBogus"), SAYS["no_node"])
    answered("a view that is not there", 200, 600)


def what_is_written_is_read():
    sheet = new_sheet()
    made = sheet.records.bulk_create(CONTRACT["rows"])
    answered("new rows", 201, 200)
    same("rows made", [record.群ID for record in made], KEYS)
    same("times in the answer to a POST", "createdAt" in answers[-1].json()["data"]["records"][0], False)
    row = sheet.records.get(made[0]._id).json()
    for name, right in CONTRACT["read"].items():
        same(f"{name} as read", row[name], right)
    same(
        "link as read",
        (row["链接"]["text"], sorted(row["链接"])),
        ("https://example.com/a", ["favicon", "text", "title"]),
    )
    member = row["负责人"][0]
    same(
        "member as read",
        (member["name"], member["type"], sorted(member)),
        ("王经理", "Member", ["avatar", "id", "name", "type", "unitId"]),
    )
    same("who made and who changed", (row["创建人"]["name"], row["修改人"]["name"]), ("机器人", "机器人"))
    near = abs(time.time() * 1000 - row["修改时间"]) < 600_000 and row["创建时间"] <= row["修改时间"]
    same("when", near, True)
    same(
        "a row with one cell",
        set(sheet.records.get(made[1]._id).json()),
        {"群ID", "自增", "创建时间", "创建人", "修改时间", "修改人"},
    )
    same("an empty cell", sheet.records.get(made[1]._id).阶段, None)
    refused(
        "a field that is not there",
        lambda: sheet.records.get(made[1]._id).没有,
        "'没有' does not exist",
        errors.ErrorFieldKey,
    )

    for written, read in CONTRACT["dates"]:
        same(f"time {written!r}", tried(lambda: read_again(sheet, {"群ID": "时", "时间": written}).get("时间")), read)
    zero = sheet.records.create({"群ID": "零", "人数": -0.0})
    same("no negative zero", json.dumps(sheet.records.get(zero._id).人数), "0")

    cleared = sheet.records.create(CONTRACT["rows"][0])
    empties = {
        "群ID": "",
        "备注": None,
        "阶段": "",
        "标签": [],
        "人数": None,
        "核准": False,
        "时间": None,
        "负责人": [],
    }
    cleared.update(empties)
    left = sheet.records.get(cleared._id).json()
    same("cells emptied", {name: left[name] for name in empties if name in left}, {})
    same("cells kept", (left["金额"], left["电话"]), (12.345, "000-0000"))

    # Taken, said again, and not kept.
    lost = {"群ID": "丢", "链接": {"title": "t", "text": "u", "favicon": ""}}
    record = sheet.records.create(lost)
    same("a link as a read gives it, echoed", record.链接, lost["链接"])
    same("and not kept", sheet.records.get(record._id).链接, None)
    record = sheet.records.create({"群ID": "丢", "负责人": [{"id": "123456789"}]})
    answered("a short unit id", 201, 200)
    same("and not kept either", sheet.records.get(record._id).负责人, None)
    unit = {m.name: m.id for m in sheet.fields.get("负责人").property.options}["机器人"]
    record = sheet.records.create({"负责人": [{"id": unit}]})
    same("member by id", [m["name"] for m in sheet.records.get(record._id).负责人], ["机器人"])
    record = sheet.records.create({"链接": {"title": "t", "text": "u"}})
    same("link with a title", sheet.records.get(record._id).链接, {"title": "t", "text": "u", "favicon": ""})

    # Options that were not there are made, whatever they look like.
    option = sheet.fields.get("阶段").property.options[0].id
    for name in [" 售前 ", option]:
        record = sheet.records.create({"阶段": name})
        same(f"new option {name!r}", sheet.records.get(record._id).阶段, name)
    sheet.fields.refresh()
    same(
        "options after that",
        [o.name for o in sheet.fields.get("阶段").property.options],
        ["售前", "售后", " 售前 ", option],
    )

    record = sheet.records.create({"群ID": "知", "没有此列": 1})
    same("an unknown field beside a known one", "没有此列" in sheet.records.get(record._id).json(), False)


def read_again(sheet, fields):
    return sheet.records.get(sheet.records.create(fields)._id).json()


def refusals():
    sheet = filled()
    number = sheet.fields.get("人数").id
    for fields, message in CONTRACT["refusals"]:
        refused(f"new row {fields}", lambda: sheet.records.create(fields), message)
        answered(f"new row {fields}", 200, 400)
        refused(f"changed row {fields}", lambda: sheet.records.get(群ID="g1").update(fields), message)
    same("nothing of it written", keys(sheet.records.all()), KEYS)
    same("nothing of it changed", sheet.records.get(群ID="g1").人数, 3)
    by_id = client().datasheet(sheet.id, field_key="id")
    refused("by id", lambda: by_id.records.create({number: "3"}), f"field:{number} 数字字段的值必须是数字")
    refused("names where ids are said", lambda: by_id.records.create({"群ID": "x"}), "传入的 fields 参数格式不正确")
    refused("no row at all", lambda: hasty(sheet, []), SAYS["no_records"])
    answered("no row at all", 200, 500)
    refused("eleven rows", lambda: sheet.create_records([{"群ID": "x"}] * 11), SAYS["too_many"])
    answered("eleven rows", 200, 400)
    limit = "The number of records created by a single request cannot be greater than 10"
    refused("eleven rows, as the SDK sees it", lambda: sheet.records.bulk_create([{"群ID": "x"}] * 11), limit)
    refused(
        "one wrong row of two",
        lambda: sheet.records.bulk_create([{"群ID": "x"}, {"人数": "x"}]),
        CONTRACT["refusals"][0][1],
    )
    same("still nothing written", keys(sheet.records.all()), KEYS)
    refused("no such sheet", lambda: client().datasheet("dstNope").records.all(), SAYS["no_sheet"])
    answered("no such sheet", 200, 301)
    refused("no sheet at all", lambda: client().datasheet("nope"), "Bad Datasheet Id or URL")
    refused(
        "another field key",
        lambda: client().datasheet(sheet.id, field_key="x"),
        "Error field_key, plz use「name」 or 「id」",
    )
    refused(
        "no space",
        lambda: client().datasheet(sheet.id).create_field({}),
        'maybe: apitable.datasheet("dst_id") => apitable.space("spc_id").datasheet("dst_id")',
    )


def hasty(sheet, rows):
    """Parameter checks of the real server never answer; here they are made to."""
    sim("POST", "settings", {"hang": False})
    try:
        return sheet.create_records(rows)
    finally:
        sim("POST", "settings", {"hang": True})


def parameters_that_hang():
    sheet = filled()
    for params, message in [
        ({"pageSize": 1001, "pageNum": 1}, SAYS["page_size"]),
        ({"pageSize": 10, "pageNum": 0}, SAYS["page_num"]),
        ({"fieldKey": "x"}, SAYS["field_key"]),
    ]:
        impatient = client()
        impatient.request.request = functools.partial(impatient.request.request, timeout=0.3)
        found = tried(lambda: impatient.datasheet(sheet.id).get_records(**params))
        same(f"{params} on an unmodified server", type(found), requests.exceptions.ReadTimeout)
        sim("POST", "settings", {"hang": False})
        refused(f"{params} where they are answered", lambda: sheet.get_records(**params), message)
        answered(f"{params} where they are answered", 200, 500)
        sim("POST", "settings", {"hang": True})


def changes():
    sheet = filled()
    record = sheet.records.get(群ID="g1")
    before = record.json()["修改时间"]
    time.sleep(0.01)
    same("changed by a dictionary", record.update({"人数": 4, "备注": "改"}).人数, 4)
    answered("a change", 200, 200)
    after = sheet.records.get(record._id)
    same("changed", (after.人数, after.备注), (4, "改"))
    same(
        "unchanged",
        {name: after.json()[name] for name in ("金额", "标签", "核准", "时间")},
        {name: CONTRACT["read"][name] for name in ("金额", "标签", "核准", "时间")},
    )
    stamp = after.修改时间
    same("a later stamp", stamp > before, True)
    same("changed by names", record.update(阶段="售后").阶段, "售后")
    record.群ID = "g1+"
    same("changed as an attribute", sheet.records.get(record._id).群ID, "g1+")
    stamp = sheet.records.get(record._id).修改时间
    record.update(人数=4)
    same("the same again moves no stamp", sheet.records.get(record._id).修改时间, stamp)
    manager = client(MANAGER).datasheet(sheet.id)
    manager.records.get(record._id).update({"核准": False})
    again = sheet.records.get(record._id)
    same("unticked by a manager", (again.核准, again.修改人["name"], again.修改时间 > stamp), (None, "王经理", True))
    same(
        "his change found by formula",
        keys(sheet.records.all(filterByFormula=f'AND({{修改时间}}>{stamp},{{修改人}}!="机器人")')),
        ["g1+"],
    )
    same("and not after it", keys(sheet.records.all(filterByFormula=f"{{修改时间}}>{again.修改时间}")), [])
    same(
        "and to the millisecond", keys(sheet.records.all(filterByFormula=f"{{修改时间}}>{again.修改时间 - 1}")), ["g1+"]
    )

    ids = [record._id for record in sheet.records.all()]
    changed = sheet.records.bulk_update(
        [{"recordId": id, "fields": {"均值": place / 2}} for place, id in enumerate(ids)]
    )
    same("many changed", [record.均值 for record in changed], [0, 0.5, 1, 1.5])
    same("many changed, read again", [record.均值 for record in sheet.records.all()], [0, 0.5, 1, 1.5])
    twice = sheet.records.bulk_update(
        [{"recordId": ids[0], "fields": {"均值": 7}}, {"recordId": ids[0], "fields": {"均值": 8}}]
    )
    same("one row twice", [record.均值 for record in twice], [8])
    missing = [{"recordId": ids[1], "fields": {"均值": 9}}, {"recordId": "recNope", "fields": {"均值": 9}}]
    refused("one row missing", lambda: sheet.records.bulk_update(missing), SAYS["no_record"])
    same("then none is changed", sheet.records.get(ids[1]).均值, 0.5)
    refused(
        "eleven changes",
        lambda: sheet.update_records([{"recordId": ids[0], "fields": {"均值": 9}}] * 11),
        SAYS["too_many"],
    )
    refused("a change without an id", lambda: sheet.update_records({"fields": {"均值": 9}}), SAYS["without_id"])
    answered("a change without an id", 500, 500)
    refused("a change without fields", lambda: sheet.update_records({"recordId": ids[0]}), SAYS["without_fields"])

    some = sheet.records.filter(阶段=None)
    same("changed together", (some.update(备注="空"), [record.备注 for record in some]), (True, ["空", "空"]))
    same("read again", keys(sheet.records.filter(备注="空")), ["g2", KEYS[3]])
    record, made = sheet.records.get_or_create(defaults={"人数": 1}, 群ID="g5")
    same("made since it was not there", (made, record.群ID, record.人数), (True, "g5", 1))
    record, made = sheet.records.get_or_create(defaults={"人数": 2}, 群ID="g5")
    same("found since it was there", (made, record.人数), (False, 1))
    record, made = sheet.records.update_or_create(defaults={"人数": 3}, 群ID="g5")
    same("changed since it was there", (made, sheet.records.get(群ID="g5").人数), (False, 3))
    record, made = sheet.records.update_or_create(defaults={"人数": 4}, 群ID="g6")
    same("made since nothing could be changed", (made, sheet.records.get(群ID="g6").人数), (True, 4))


def searches():
    sheet = filled()
    for formula, right in CONTRACT["formulas"]:
        same(f"formula {formula!r}", tried(lambda: keys(sheet.records.all(filterByFormula=formula))), right)
    for formula in CONTRACT["wrong_formulas"]:
        refused(f"formula {formula!r}", lambda: sheet.records.all(filterByFormula=formula), "")
        answered(f"formula {formula!r}", 200, 400)
    for condition, right in [
        ({"群ID": "g2"}, ["g2"]),
        ({"人数": 7}, ["g3"]),
        ({"百分比": 0.5}, ["g1"]),
        ({"标签": ["A", "B"]}, ["g1"]),
        ({"核准": True}, ["g1"]),
        ({"核准": False}, KEYS[1:]),
        ({"阶段": None}, ["g2", KEYS[3]]),
        ({"群ID": "g1", "人数": 3, "阶段": "售前"}, ["g1"]),
        ({"群ID": "g1", "人数": 4}, []),
    ]:
        same(f"filter {condition}", tried(lambda: keys(sheet.records.filter(**condition))), right)
    refused("the SDK escapes no quote", lambda: sheet.records.filter(群ID=KEYS[3]), "")
    same("one by its cells", sheet.records.get(群ID="g3").人数, 7)
    refused("none by its cells", lambda: sheet.records.get(群ID="没有"), None, errors.RecordDoesNotExist)
    refused("none by its id", lambda: sheet.records.get("recNope"), None, errors.RecordDoesNotExist)
    every = sheet.records.all()
    same(
        "first and last",
        (every.first().群ID, every.last().群ID, every[1].群ID, every.get().群ID),
        ("g1", KEYS[3], "g2", "g1"),
    )
    same(
        "searched in what was read",
        (every.get(群ID="g3").人数, keys(every.filter(人数=3)), every.clone().count()),
        (7, ["g1"], 4),
    )

    same(
        "sorted downwards",
        keys(sheet.records.all(sort=[{"field": "人数", "order": "desc"}], filterByFormula="{人数}>0")),
        ["g3", "g1"],
    )
    same(
        "sorted upwards",
        keys(sheet.records.all(sort=[{"field": "人数", "order": "asc"}], filterByFormula="{人数}>0")),
        ["g1", "g3"],
    )
    sheet.records.bulk_create([{"群ID": "h", "均值": n, "人数": 9} for n in (2, 1, 3)])
    two = [{"field": "人数", "order": "desc"}, {"field": "均值", "order": "asc"}]
    same(
        "sorted by two",
        [(r.人数, r.均值) for r in sheet.records.all(sort=two, filterByFormula="{人数}>5")],
        [(9, 1), (9, 2), (9, 3), (7, None)],
    )
    refused(
        "sorted by nothing", lambda: sheet.records.all(sort=[{"field": "zz", "order": "asc"}]), SAYS["unknown_sort"]
    )
    refused(
        "no sort",
        lambda: sheet.records.all(sort={"field": "人数"}),
        "The format of the sort parameter is incorrect",
        errors.ErrorSortParams,
    )
    some = sheet.records.all(fields=["群ID", "人数"], filterByFormula='{群ID}="g1"')
    same("some fields", [record.json() for record in some], [{"群ID": "g1", "人数": 3}])
    refused("fields that are not there", lambda: sheet.records.all(fields=["zz"]), SAYS["unknown_field"])


def display_texts():
    sheet = filled()
    shown = sheet.records.all(cellFormat="string")
    for name, right in CONTRACT["shown"].items():
        same(f"{name} as shown", shown[0].json()[name], right)
    same("a formula as shown", shown[0].双倍, "6")
    same("a formula as read", sheet.records.get(群ID="g1").双倍, 6)
    same(
        "boxes as shown: ticked, never written, written unticked",
        [record.json().get("核准") for record in shown][:3],
        ["1", None, "0"],
    )
    same("boxes as read", [record.json().get("核准") for record in sheet.records.all()][:3], [True, None, None])
    same("empty cells as shown", "阶段" in shown[1].json(), False)


def ids_and_other_names():
    sheet = filled()
    ids = {field.name: field.id for field in sheet.fields.all()}
    by_id = client().datasheet(sheet.id, field_key="id")
    row = by_id.records.all(
        fields=[ids["群ID"], ids["人数"]], sort=[{"field": ids["人数"], "order": "desc"}], filterByFormula="{人数}>0"
    )
    same(
        "read by id",
        [record.json() for record in row],
        [{ids["群ID"]: "g3", ids["人数"]: 7}, {ids["群ID"]: "g1", ids["人数"]: 3}],
    )
    made = by_id.records.create({ids["群ID"]: "i1", ids["人数"]: 5})
    same("written by id", (made.json()[ids["人数"]], sheet.records.get(群ID="i1").人数), (5, 5))
    same("a field by id", by_id.fields.get(ids["阶段"]).name, "阶段")
    refused("a name where ids are said", lambda: by_id.records.all(fields=["群ID"]), "传入的 fields 不存在：群ID")
    # A manager renames a column: writes by name vanish without a word, those by id arrive.
    sim("POST", "columns", {"sheet": sheet.id, "column": "人数", "action": "rename", "to": "总人数"})
    lost = sheet.records.create({"群ID": "i2", "人数": 6})
    kept = by_id.records.create({ids["群ID"]: "i3", ids["人数"]: 6})
    numbers = {record.json().get("群ID"): record.json().get("总人数") for record in sheet.records.all()}
    same("after a renaming", (numbers["i2"], numbers["i3"], lost.json().get("人数")), (None, 6, None))
    mapped = client().datasheet(sheet.id, field_key_map={"room": "群ID", "people": "总人数"})
    record = mapped.records.create({"room": "m1", "people": 8})
    same("written by other names", sheet.records.get(record._id).json()["总人数"], 8)
    same("found by other names", mapped.records.get(room="m1").people, 8)
    mapped.records.bulk_update([{"recordId": record._id, "fields": {"people": 9}}])
    same("changed by other names", keys(sheet.records.filter(总人数=9)), ["m1"])


def pages():
    sheet = new_sheet(
        [
            {"name": "群ID", "type": "SingleText", "property": {}},
            {"name": "人数", "type": "Number", "property": {"precision": 0}},
        ]
    )
    for start in range(0, 1000, 10):
        sheet.records.bulk_create([{"群ID": f"r{n:04}", "人数": n} for n in range(start, start + 10)])
    before = len(answers)
    same("a thousand rows", [record.人数 for record in sheet.records.all()], list(range(1000)))
    same("a thousand rows in one call", len(answers) - before, 1)
    sheet.records.bulk_create([{"群ID": f"r{n}", "人数": n} for n in range(1000, 1005)])
    before = len(answers)
    every = sheet.records.all()
    same("more than a page", [record.人数 for record in every], list(range(1005)))
    shapes = [[answer.json()["data"][key] for key in ("total", "pageNum", "pageSize")] for answer in answers[before:]]
    same("their pages", shapes, [[1005, 1, 1000], [1005, 2, 5]])

    def shape(**params):
        data = sheet.get_records(**params).data
        return data.total, data.pageNum, data.pageSize, len(data.records)

    same("a page unless told otherwise", shape(), (1005, 1, 100, 100))
    same("the page asked for", [r.人数 for r in sheet.records.all(pageSize=4, pageNum=3)], [8, 9, 10, 11])
    same("a page beyond the end", shape(pageSize=1000, pageNum=3), (1005, 3, 0, 0))
    same("everything in one answer", shape(pageSize=-1), (1005, 1, 1005, 1005))
    same("a most", shape(maxRecords=150), (150, 1, 100, 100))
    same("the second page of a most", shape(maxRecords=150, pageNum=2), (150, 2, 50, 50))
    same("where it starts", sheet.get_records(maxRecords=150, pageNum=2).data.records[0].data["人数"], 100)
    same("a most over pages", sheet.records.all(maxRecords=1002).count(), 1002)
    same("a search over pages", sheet.records.all(filterByFormula="{人数}>=2").count(), 1003)
    ids = [record._id for record in every]
    same("by their ids", {r._id for r in sheet.records.all(recordIds=ids[:3] + ["recNope"])}, set(ids[:3]))
    same("ids are paged too", shape(recordIds=ids[:150]), (150, 1, 100, 100))
    same("no ids are no condition", (shape(recordIds="")[0], shape(recordIds=[])[0]), (1005, 1005))

    same("ten at a time", [chunk.count() for chunk in every.chunks()][-2:], [10, 5])
    told = "You cannot operate more than 10 records in batches, please use the chunks method to operate in batches"
    refused("more than ten changed at once", lambda: every.update(人数=0), told)
    refused("more than ten deleted at once", every.delete, told + ".")
    eleven = sheet.records.all(maxRecords=11)
    refused("eleven deleted", lambda: eleven.delete(delete_all=True), SAYS["too_many"])
    answered("eleven deleted", 200, 400)
    for chunk in sheet.records.all(filterByFormula="{人数}>=980").chunks():
        same("a chunk deleted", chunk.delete(), True)
    same("what is left", [record.人数 for record in sheet.records.all()], list(range(980)))
    sim("POST", "settings", {"row_limit": 980})
    refused("a row too many", lambda: sheet.records.create({"群ID": "x"}), "API Server Error: 500", errors.ServerError)
    sim("POST", "settings", {"row_limit": 50_000})
    answered("a row too many", 500, 304)
    same("what it says", answers[-1].json()["message"], SAYS["row_limit"])


def deletions():
    sheet = filled()
    a, b, c, d = sheet.records.all()
    refused("one that is not there", lambda: sheet.delete_records([a, "recNope"]), SAYS["no_record"])
    answered("one that is not there", 200, 400)
    same("then none is deleted", keys(sheet.records.all()), KEYS)
    refused("none", lambda: sheet.delete_records([]), SAYS["no_ids"])
    same("by itself", a.delete(), True)
    same("an answer to a DELETE", answers[-1].json(), {"success": True, "code": 200, "message": "SUCCESS"})
    refused("twice", a.delete, SAYS["no_record"])
    same("by id", sheet.delete_records(b._id), True)
    same("by a list of both", sheet.delete_records([c, d._id]), True)
    same("all gone", sheet.records.all().count(), 0)


def who_may():
    sheet = filled()
    refused("a token of nobody", client("uskNobody").spaces.all, "Unauthorized")
    answered("a token of nobody", 401, 401)
    same("all that it says", answers[-1].json(), {"success": False, "code": 401, "message": "Unauthorized"})
    refused(
        "a change with it",
        lambda: client("uskNobody").datasheet(sheet.id).update_records({"recordId": "x", "fields": {}}),
        "Unauthorized",
    )
    refused(
        "a sheet in a stranger's space",
        lambda: client().space("spcElsewhere").datasheets.create({"name": "x"}),
        SAYS["stranger"],
    )
    made = client(MANAGER).datasheet(sheet.id).records.create({"群ID": "m"})
    row = sheet.records.get(made._id)
    same("a token is a person", (row.创建人["name"], row.修改人["name"]), ("王经理", "王经理"))


def rate():
    """Five calls in a window of a second that begins with its first, a sheet and a token. The package paces nothing."""
    sheet, other = new_sheet(), new_sheet()
    sim("POST", "reset", {})
    sim("POST", "settings", {"rate_limit": 5})
    try:
        refusal, end = None, time.monotonic() + 10
        while refusal is None and time.monotonic() < end:
            found = tried(lambda: sheet.records.all(pageSize=1))
            refusal = found if isinstance(found, Exception) else None
        same("too fast", (type(refusal), str(refusal)[: len(SAYS["rate"])]), (Exception, SAYS["rate"]))
        answered("too fast", 429, 429)
        same("what it says", sorted(answers[-1].json()), ["code", "message", "success"])
        same("and what not", [name for name in ("request-id", "retry-after") if name in answers[-1].headers], [])
        same("another token", client(MANAGER).datasheet(sheet.id).records.all(pageSize=1).count(), 0)
        same("another sheet", other.records.all(pageSize=1).count(), 0)
        for _ in range(12):
            tried(lambda: sheet.records.all(pageSize=1))
        time.sleep(1.5)
        same("a second later", sheet.records.all(pageSize=1).count(), 0)
    finally:
        sim("POST", "settings", {"rate_limit": 0})
    calls = [call for call in sim("GET", "calls") if call["sheet"] == sheet.id and call["token"] == BOT]
    same("windows", list(broken_windows(calls)), [])


def broken_windows(calls):
    start, used = None, 0
    for call in calls:
        at, answer = call["elapsed_ms"], call["status"]
        # Calls are judged a little after they arrive: around its end one may be of this window or of the next.
        if start is None or at - start > 1200 or (at - start > 800 and answer == 200):
            start, used = at, 0
        used += answer == 200
        if used > 5 or (used < 5 and answer == 429):
            yield call["seq"], answer, at - start


def usage():
    sheet = new_sheet()
    sim("POST", "settings", {"monthly_quota": 100})
    sim("POST", "usage", {"space": SPACE, "used": 98})
    try:
        refused("a call that is refused", lambda: sheet.records.create({"人数": "x"}), CONTRACT["refusals"][0][1])
        same("the last call", sheet.records.all().count(), 0)
        refused("one more", sheet.records.all, SAYS["used_up"])
        answered("one more", 403, 403)
        refused("of the other token", client(MANAGER).datasheet(sheet.id).records.all, SAYS["used_up"])
    finally:
        sim("POST", "settings", {"monthly_quota": 0})
    same("the next period", sheet.records.all().count(), 0)


def bad_days():
    sheet = new_sheet()

    def fault(kind, **more):
        sim("POST", "faults", {"kind": kind, "sheet": sheet.id, **more})

    fault("html")
    refused("a gateway's page", sheet.records.all, "API Server Error: 502", errors.ServerError)
    fault("html", method="PATCH")
    # A change goes another way through the package, and that way knows no status.
    same(
        "a gateway's page for a change",
        type(tried(lambda: sheet.update_records([]))),
        requests.exceptions.JSONDecodeError,
    )
    fault("status", status=503)
    refused("503", sheet.records.all, "API Server Error: 503", errors.ServerError)
    fault("rate_limit")
    sim("POST", "settings", {"rate_limit": 5})
    refused("429", sheet.records.all, SAYS["rate"] + "如需帮助请联系客服")
    sim("POST", "settings", {"rate_limit": 0})
    fault("drop_before", method="POST")
    unconnected("cut before the work", lambda: sheet.records.create({"群ID": "a"}))
    same("nothing was done", sheet.records.all().count(), 0)
    fault("drop_after", method="POST")
    unconnected("cut after the work", lambda: sheet.records.create({"群ID": "a"}))
    same("it was done", keys(sheet.records.all()), ["a"])
    fault("swallow", method="POST")
    same("said to be stored", sheet.records.create({"群ID": "b"}).群ID, "b")
    answered("said to be stored", 201, 200)
    same("and not stored", keys(sheet.records.all()), ["a"])


def not_simulated():
    """Attachments, links to embed, people: the simulator has no route for them, and says so as the service does."""
    made = client()
    sheet = new_sheet()
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(b"sample")
        file.flush()
        refused("an attachment", lambda: sheet.upload_attachment(file.name), SAYS["no_route"])
        answered("an attachment", 404, 404)
        refused("a file", lambda: sheet.upload_file(file.name), SAYS["no_route"])
    refused(
        "a field of attachments", lambda: sheet.create_field({"type": "Attachment", "name": "附件"}), "[type]的值不正确"
    )
    refused("a link to embed", lambda: sheet.create_embed_link({"theme": "light"}), SAYS["no_route"])
    refused("links to embed", sheet.get_embed_links, SAYS["no_route"])
    refused("a link to embed no more", lambda: sheet.delete_embed_link("embNope"), SAYS["no_route"])
    space = made.space(SPACE)
    for what, call in [
        ("a member", lambda: space.member.get("1")),
        ("a member changed", lambda: space.member.update("1", {})),
        ("a role changed", lambda: space.role.update("1", {})),
        ("units of a role", lambda: space.role.list_unit("1")),
        ("a team changed", lambda: space.team.update("1", {})),
        ("teams of a team", lambda: space.team.list_sub_teams("1")),
        ("members of a team", lambda: space.team.list_members("1")),
    ]:
        refused(what, call, SAYS["no_route"])
    same("deleted", [unit.delete("1") for unit in (space.member, space.role, space.team)], [False] * 3)
    # These take the method that would give them an address for the address.
    for what, call in [
        ("a role", lambda: space.role.create({})),
        ("roles", space.role.list),
        ("a team", lambda: space.team.create({})),
    ]:
        same(what, isinstance(tried(call), (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)), True)
    if package == "apitable":
        refused("records of version 3", lambda: sheet.get_records(isV3=True), SAYS["no_route"])


def surface():
    """Every public function of the package but the idle ones, as (place, name)."""
    for info in pkgutil.walk_packages(sdk.__path__, package + "."):
        module = importlib.import_module(info.name)
        for owner, holder in [("", module), *inspect.getmembers(module, inspect.isclass)]:
            for name, member in list(vars(holder).items()):
                function = inspect.unwrap(member.fget if isinstance(member, property) else member)
                label = f"{owner}.{name}".lstrip(".")
                if not inspect.isfunction(function) or name.startswith("_") or label in IDLE:
                    continue
                if function.__module__ == module.__name__:
                    code = function.__code__
                    yield (code.co_filename, code.co_firstlineno), label


def watch(frame, event, _):
    if event == "call":
        code = frame.f_code
        reached.add((code.co_filename, code.co_firstlineno))


def main():
    sim("POST", "settings", {"rate_limit": 0})
    sys.setprofile(watch)
    for section in [
        spaces_and_nodes,
        sheets_and_fields,
        what_is_written_is_read,
        parameters_that_hang,
        refusals,
        changes,
        searches,
        display_texts,
        ids_and_other_names,
        pages,
        deletions,
        who_may,
        rate,
        usage,
        bad_days,
        not_simulated,
    ]:
        try:
            section()
        except Exception:
            wrong.append(f"{section.__name__} broke off: {traceback.format_exc(limit=-3)}")
    sys.setprofile(None)
    same("never called", sorted({label for place, label in surface() if place not in reached}), [])
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{checks} checks, {len(answers)} calls")


main()
