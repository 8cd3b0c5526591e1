-- Wireshark dissector for Ringside sessions: packets of link type USER0 (docs/session-format.md).
-- This file is the template: generate_dissector puts the payload types of the field tables into it.
--
--   tshark -X lua_script:ringside.lua -r session.pcapng -Y 'ringside.blkif.operation == "READ"'
--
-- Each group of payload types is a protocol of its own (ringside.blkif), so that its name is a filter.

local payloads = {}
local function payload(description) payloads[description.id] = description end

--@PAYLOADS@

local HEADER_SIZE = 20
local INPUT = 0   -- the payload type of what came from outside the machine
local ANSWER = 2  -- and of what a device asked for there

local ringside = Proto("ringside", "Ringside crossing")
local payload_names = { [INPUT] = "input", [ANSWER] = "answer" }
for id, description in pairs(payloads) do payload_names[id] = description.name end

local header = {
  version = ProtoField.uint8("ringside.version", "Version"),
  direction = ProtoField.uint8("ringside.direction", "Direction", base.DEC,
                               { [0] = "out of the guest", [1] = "into the guest" }),
  payload_type = ProtoField.uint16("ringside.payload_type", "Payload type", base.DEC, payload_names),
  canonical = ProtoField.bool("ringside.canonical", "Counts in digests"),
  injected = ProtoField.bool("ringside.injected", "Changed or made by a fault"),
  dropped = ProtoField.bool("ringside.dropped", "Dropped by a fault"),
  delayed = ProtoField.bool("ringside.delayed", "Delayed by a fault"),
  repeated = ProtoField.bool("ringside.repeated", "Repeated by a fault"),
  failed = ProtoField.bool("ringside.failed", "Failed by a fault"),
  picoseconds = ProtoField.uint16("ringside.picoseconds", "Picoseconds behind the frame's time"),
  sequence = ProtoField.uint64("ringside.sequence", "Sequence"),
  full_size = ProtoField.uint32("ringside.full_size", "Size of the whole payload"),
  wire = ProtoField.string("ringside.wire", "Wire"),
  cut = ProtoField.bool("ringside.cut", "Cut by the capture policy"),
}
local header_fields = {}
for _, field in pairs(header) do table.insert(header_fields, field) end
ringside.fields = header_fields

local input = Proto("ringside.input", "Ringside input")
local input_fields = {
  number = ProtoField.uint64("ringside.input.number", "Number"),
  instructions = ProtoField.uint64("ringside.input.instructions", "Instructions executed before"),
  wire = ProtoField.string("ringside.input.wire", "Delivered on wire, or asked for by"),
  data = ProtoField.bytes("ringside.input.data", "Data"),
}
input.fields = { input_fields.number, input_fields.instructions, input_fields.wire, input_fields.data }

-- The order of pairs() is not stable: what is registered goes by id.
local function sorted_payloads()
  local list = {}
  for _, description in pairs(payloads) do table.insert(list, description) end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

-- Fields of one name in one group share a filter when they mean the same; otherwise the later one gets the
-- name of its payload type instead of the group's.
local definitions = {}  -- by abbreviation
local groups = {}       -- by name: the protocol and the abbreviations of its fields

local function compatible(a, b)
  if a.format ~= b.format then return false end
  for value, name in pairs(b.names or {}) do
    if a.names and a.names[value] and a.names[value] ~= name then return false end
  end
  return true
end

local function define(group, abbreviation, field)
  local definition = definitions[abbreviation]
  if not definition then
    definition = { name = field.name, format = field.format, size = 0, names = {} }
    definitions[abbreviation] = definition
    table.insert(group.abbreviations, abbreviation)
  elseif not compatible(definition, field) then
    return false
  end
  definition.size = math.max(definition.size, field.size or 0)
  for value, name in pairs(field.names or {}) do definition.names[value] = name end
  field.abbreviation = abbreviation
  return true
end

local function define_all(group, group_name, type_name, prefix, fields)
  for _, field in ipairs(fields) do
    if not define(group, "ringside." .. group_name .. prefix .. field.name, field) then
      define(group, "ringside." .. type_name .. prefix .. field.name, field)
    end
    if field.format == "flags" then
      field.bits = {}
      for bit, name in pairs(field.names) do
        local member = { name = name, format = "bit" }
        define(group, field.abbreviation .. "." .. name:lower():gsub("[^%w_]", "_"), member)
        table.insert(field.bits, { bit = bit, name = name, abbreviation = member.abbreviation })
      end
      table.sort(field.bits, function(a, b) return a.bit < b.bit end)
    end
  end
end

local function make_field(abbreviation, definition)
  local bits = ({ [1] = "8", [2] = "16", [4] = "32", [8] = "64" })[definition.size]
  local format, name = definition.format, definition.name
  if format == "text" then return ProtoField.string(abbreviation, name) end
  if format == "bytes" then return ProtoField.bytes(abbreviation, name) end
  if format == "record" then return ProtoField.none(abbreviation, name) end
  if format == "bit" then return ProtoField.bool(abbreviation, name) end
  if format == "signed_decimal" then return ProtoField["int" .. bits](abbreviation, name, base.DEC) end
  local unsigned = ProtoField["uint" .. bits]
  if format == "hex" or format == "flags" then return unsigned(abbreviation, name, base.HEX) end
  if format == "enumeration" then return unsigned(abbreviation, name, base.DEC, definition.names) end
  return unsigned(abbreviation, name, base.DEC)
end

for _, description in ipairs(sorted_payloads()) do
  local group = groups[description.group]
  if not group then
    local protocol = Proto("ringside." .. description.group, "Ringside " .. description.group)
    group = { abbreviations = {}, protocol = protocol }
    groups[description.group] = group
  end
  description.protocol = group.protocol
  define_all(group, description.group, description.name, ".", description.fields)
  local tail = description.tail
  if tail then
    tail.format = ({ text = "text", bytes = "bytes", records = "record" })[tail.kind]
    define_all(group, description.group, description.name, ".", { tail })
    if tail.kind == "records" then
      define_all(group, description.group, description.name, "." .. tail.name .. ".", tail.fields)
    end
  end
end
for _, group in pairs(groups) do
  local fields = {}
  for _, abbreviation in ipairs(group.abbreviations) do
    definitions[abbreviation].field = make_field(abbreviation, definitions[abbreviation])
    table.insert(fields, definitions[abbreviation].field)
  end
  group.protocol.fields = fields
end

local function field_of(entry) return definitions[entry.abbreviation].field end

-- Text that nobody's terminal minds.
local function printable(raw)
  return (raw:gsub("[^ -~]", function(byte)
    local known = { ["\n"] = "\\n", ["\r"] = "\\r", ["\0"] = "\\0" }
    return known[byte] or string.format("\\x%02x", byte:byte())
  end))
end

local function bit_is_set(range, bit)
  local byte = range:range(math.floor(bit / 8), 1):uint()
  return math.floor(byte / 2 ^ (bit % 8)) % 2 == 1
end

local function number_of(range)
  if range:len() == 8 then return range:le_uint64() end
  return range:le_uint()
end

local function hex_of(range)
  if range:len() < 8 then return string.format("0x%x", range:le_uint()) end
  local digits = range:le_uint64():tohex():gsub("^0+", "")
  return "0x" .. (digits == "" and "0" or digits)
end

local function duration_of(range)
  local picoseconds = range:len() == 8 and range:le_uint64() or UInt64(range:le_uint())
  local second = UInt64.new(3567587328, 232)  -- 10^12: the low and the high half
  return string.format("%s.%012ds", tostring(picoseconds / second), (picoseconds % second):tonumber())
end

-- The value as it stands in the Info column, and as the simulator's own decoder prints it.
local function value_text(field, range)
  if field.format == "hex" then return hex_of(range) end
  if field.format == "duration" then return duration_of(range) end
  if field.format == "signed_decimal" then
    return range:len() == 8 and tostring(range:le_int64()) or tostring(range:le_int())
  end
  if field.format == "enumeration" then
    local number = number_of(range)
    return field.names[tonumber(tostring(number))] or tostring(number)
  end
  if field.format == "flags" then
    local names = {}
    for _, member in ipairs(field.bits) do
      if bit_is_set(range, member.bit) then table.insert(names, member.name) end
    end
    return #names > 0 and table.concat(names, "|") or hex_of(range)
  end
  return tostring(number_of(range))
end

local function add_field(tree, field, range)
  if field.format == "text" then
    local text = printable(range:raw():match("^[^%z]*"))
    tree:add(field_of(field), range, text)
    return '"' .. text .. '"'
  end
  local text = value_text(field, range)
  local item = tree:add_le(field_of(field), range)
  if field.format == "flags" or field.format == "duration" then item:append_text(" (" .. text .. ")") end
  for _, member in ipairs(field.bits or {}) do
    item:add(field_of(member), range, bit_is_set(range, member.bit))
  end
  return text
end

-- Adds the fields that are whole; returns "name=value" for each.
local function add_record(tree, fields, range)
  local texts = {}
  for _, field in ipairs(fields) do
    if field.offset + field.size <= range:len() then
      local text = add_field(tree, field, range:range(field.offset, field.size))
      table.insert(texts, field.name .. "=" .. text)
    end
  end
  return texts
end

local function add_tail(tree, tail, range)
  if tail.kind == "text" then
    local text = printable(range:raw())
    tree:add(field_of(tail), range, text)
    return '"' .. text .. '"'
  end
  if tail.kind == "bytes" then
    tree:add(field_of(tail), range)
    return range:len() .. " bytes"
  end
  local count = math.floor(range:len() / tail.size_of_record)
  for i = 0, count - 1 do
    local record = range:range(i * tail.size_of_record, tail.size_of_record)
    local branch = tree:add(field_of(tail), record)
    local texts = add_record(branch, tail.fields, record)
    branch:set_text(string.format("%s[%d]: %s", tail.name, i, table.concat(texts, " ")))
  end
  return tostring(count)
end

local function add_payload(tree, description, range)
  local branch = tree:add(description.protocol, range, description.title)
  local fixed = math.min(description.size, range:len())
  local texts = {}
  if fixed > 0 then texts = add_record(branch, description.fields, range:range(0, fixed)) end
  if description.tail and range:len() > description.size then
    local text = add_tail(branch, description.tail, range:range(description.size))
    table.insert(texts, description.tail.name .. "=" .. text)
  end
  return description.name .. " " .. table.concat(texts, " ")
end

local function add_input(tree, kind, number_range, range)
  local number = tostring(number_range:le_uint64())
  if range:len() < 10 then return kind .. " " .. number end
  local name_size = range:range(8, 2):le_uint()
  if range:len() < 10 + name_size then return kind .. " " .. number end
  local branch = tree:add(input, range)
  branch:add_le(input_fields.number, number_range)
  branch:add_le(input_fields.instructions, range:range(0, 8))
  local name = name_size > 0 and range:range(10, name_size):string() or ""
  branch:add(input_fields.wire, range:range(8, 2 + name_size), name)
  local text = ""
  if range:len() > 10 + name_size then
    local data = range:range(10 + name_size)
    branch:add(input_fields.data, data)
    text = printable(data:raw())
  end
  return string.format('%s %s on %s: "%s"', kind, number, name, text)
end

local wire_name = Field.new("frame.interface_name")

local function add_header(tree, buffer)
  local flags = buffer(4, 2):le_uint()
  local wire = wire_name()
  if wire then tree:add(header.wire, wire.value):set_generated() end
  tree:add_le(header.version, buffer(0, 1))
  tree:add_le(header.direction, buffer(1, 1))
  tree:add_le(header.payload_type, buffer(2, 2))
  tree:add(header.canonical, buffer(4, 2), flags % 2 == 1)
  tree:add(header.injected, buffer(4, 2), math.floor(flags / 2) % 2 == 1)
  -- What the fault did stands only where one did something: an input's flags mean something else.
  if math.floor(flags / 2) % 2 == 1 then
    tree:add(header.dropped, buffer(4, 2), math.floor(flags / 4) % 2 == 1)
    tree:add(header.delayed, buffer(4, 2), math.floor(flags / 8) % 2 == 1)
    tree:add(header.repeated, buffer(4, 2), math.floor(flags / 16) % 2 == 1)
    tree:add(header.failed, buffer(4, 2), math.floor(flags / 32) % 2 == 1)
  end
  tree:add_le(header.picoseconds, buffer(6, 2))
  local id = buffer(2, 2):le_uint()
  if id ~= INPUT and id ~= ANSWER then tree:add_le(header.sequence, buffer(8, 8)) end
  tree:add_le(header.full_size, buffer(16, 4))
  return wire and wire.value or "wire"
end

function ringside.dissector(buffer, packet, root)
  if buffer:len() < HEADER_SIZE or buffer(0, 1):uint() ~= 1 then return 0 end
  local tree = root:add(ringside, buffer(0, HEADER_SIZE))
  local wire = add_header(tree, buffer)
  local out = buffer(1, 1):uint() == 0
  local id = buffer(2, 2):le_uint()
  local full_size = buffer(16, 4):le_uint()
  local captured = buffer:len() - HEADER_SIZE
  if captured < full_size then tree:add(header.cut, true):set_generated() end

  packet.cols.protocol = "RINGSIDE"
  packet.cols.src = out and "guest" or wire
  packet.cols.dst = out and wire or "guest"
  local description = payloads[id]
  if captured == 0 then
    local name = payload_names[id] or "payload type " .. id
    packet.cols.info = name .. (full_size > 0 and " (not captured)" or "")
  elseif id == INPUT or id == ANSWER then
    packet.cols.protocol = payload_names[id]:upper()
    packet.cols.info = add_input(root, payload_names[id], buffer(8, 8), buffer(HEADER_SIZE))
  elseif description then
    if description.group ~= description.name then packet.cols.protocol = description.group:upper() end
    packet.cols.info = add_payload(root, description, buffer(HEADER_SIZE))
  else
    packet.cols.info = string.format("payload type %d, %d bytes", id, full_size)
  end
  return buffer:len()
end

DissectorTable.get("wtap_encap"):add((wtap_encaps or wtap).USER0, ringside)
