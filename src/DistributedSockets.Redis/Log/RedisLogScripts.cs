namespace DistributedSockets;

/// <summary>The scripts of the message log. <see cref="RedisLogKeys"/> has the layout.</summary>
/// <remarks>
/// All begin alike. KEYS: head, entries, ticks, shared. ARGV: the epoch that the caller knows, 0 if none; the highest offset that it knows to
/// have been given to an entry; how old entries get, in milliseconds; the section of INFO that names the server, and the pattern of the name.
/// <para>
/// The head proves the server: if it was written last by another one, as after a failover or a restart, the server may lack the latest
/// entries, so offsets jump. The jump is as far as a log could have come since the last entry that is here, at a thousand entries a
/// millisecond, and some seconds more for clocks that differ; so whatever other servers gave in the meantime, jumps of their own included,
/// is left behind. A caller that knows an offset within the jump shows that entries are lost up to there.
/// </para>
/// <para>
/// The ticks are pairs of time and offset, one for each sixty-fourth of the age at most: up to that offset all entries are as old as that. By
/// them the age becomes an offset, the floor. What is at or below it counts as removed; it is deleted a few at a time, as entries are
/// appended, and all of it expires when none are.
/// </para>
/// </remarks>
internal static class RedisLogScripts
{
    /// <summary>What a script answers first if nothing was done, as the epoch that the caller knows is not the log's. Behind it stand epoch and end.</summary>
    public const int OtherEpoch = 0;

    private const string Begin = """
        local function text(number) return string.format('%.0f', number) end
        local head, entries, ticks, shared = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
        local h = redis.pcall('HMGET', head, 'epoch', 'last', 'server', 'at', 'floor', 'lost', 'cut', 'jumps', 'tick', 'gone')
        if h['err'] then
          redis.call('DEL', head)
          h = {}
        end
        local clock = redis.call('TIME')
        local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
        local server = string.match(redis.call('INFO', ARGV[4]), ARGV[5]) or ''
        local epoch, last, at = tonumber(h[1] or ''), tonumber(h[2] or ''), tonumber(h[4] or '')
        local floor, lost, cut = tonumber(h[5] or '') or 0, tonumber(h[6] or '') or 0, tonumber(h[7] or '') or 0
        local jumps, maxAge, known = h[8] or '', tonumber(ARGV[3]), tonumber(ARGV[2])
        if not epoch or not last or not at or epoch < tonumber(ARGV[1]) then
          epoch, last, at, floor, lost, cut, jumps = math.max(now, tonumber(ARGV[1]) + 1), 0, now, 0, 0, 0, ''
          h = {}
          redis.call('DEL', head)
          redis.call('HSET', head, 'epoch', text(epoch), 'last', '0', 'at', text(at), 'server', server,
            'evicted', server .. ' ' .. (string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)') or '0'))
        elseif h[3] ~= server then
          local from, rest = last, jumps
          local before, began, ended = string.match(jumps, '^(.-);?(%d+):(%d+)$')
          if ended and tonumber(ended) == last then from, rest = tonumber(began), before end
          last = last + math.max(0, now - at) * 1000 + 10000000
          local _, count = string.gsub(rest, ':', ':')
          if count >= 32 then
            local dropped
            dropped, rest = string.match(rest, '^%d+:(%d+);?(.*)$')
            lost = math.max(lost, tonumber(dropped))
          end
          jumps = (rest == '' and '' or rest .. ';') .. text(from) .. ':' .. text(last)
          redis.call('HSET', head, 'last', text(last), 'server', server, 'jumps', jumps, 'lost', text(lost))
        end
        local previous = last
        if jumps ~= '' then
          local changed = false
          for from, to in string.gmatch(jumps, '(%d+):(%d+)') do
            from, to = tonumber(from), tonumber(to)
            if to == last then previous = from end
            if known > from and known <= to and known > lost and epoch == tonumber(ARGV[1]) then
              lost, changed = known, true
            end
          end
          if changed then redis.call('HSET', head, 'lost', text(lost)) end
        end
        local newest = previous
        local function aged()
          local oldest = now - maxAge
          if at <= oldest then return newest end
          local all = redis.pcall('LRANGE', ticks, 0, -1)
          if not all['err'] then
            for i = #all, 1, -1 do
              local when, offset = string.match(all[i], '^(%d+):(%d+)$')
              if when and tonumber(when) <= oldest then return math.max(floor, tonumber(offset)), i end
            end
          end
          return floor
        end
        local function evicted()
          local count = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)') or '0'
          local known = redis.call('HGET', head, 'evicted') or server .. ' 0'
          if known ~= server .. ' ' .. count then
            local name, before = string.match(known, '^(%w*) (%d+)$')
            if count ~= (name == server and before or '0') then lost = newest end
            redis.call('HSET', head, 'evicted', server .. ' ' .. count, 'lost', text(lost))
          end
        end
        if epoch ~= tonumber(ARGV[1]) then return {0, epoch, last} end

        """;

    /// <summary>Tells where the log ends, and begins one where there is none.</summary>
    /// <remarks>Returns 1, epoch and end.</remarks>
    public const string End = Begin + """
        return {1, epoch, last}
        """;

    /// <summary>Appends entries.</summary>
    /// <remarks>
    /// ARGV further: how many entries and how many bytes a target may have, 0 for no limit of bytes; for how long keys of idempotency are
    /// known, in milliseconds; how to publish, and on which channel. Then per entry the number of its targets, whether it has a key of
    /// idempotency, the versions that its session's record may have, each between spaces, 0 if it has no fence, and the payload; and in KEYS its targets, that
    /// key and that record.
    /// <para>
    /// The list of a target begins with what was removed from it last, as a negative number; behind it stand the offsets. Where bytes are
    /// limited, each has behind it how many bytes the target had in all with that entry.
    /// </para>
    /// Returns 1, epoch, the offset before the first entry that was appended, and per entry its offset; one that is negative is that of the
    /// earlier entry of the same key, and 0 stands for an entry that was refused, as its fence is stale.
    /// </remarks>
    public const string Append = Begin + """
        local maxEntries, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7])
        local step = math.max(1, math.floor(maxAge / 64))
        local life = text(maxAge + 4 * step + 1000)
        local first, stamp = last + 1, text(now)
        local answer, fields, multiple, lengths, payloads, pushed = {1, epoch, previous}, {}, {}, {}, {}, {}
        local removed
        local function inPlace(key, command, ...)
          local result = redis.pcall(command, key, ...)
          if type(result) == 'table' and result['err'] then
            if not string.find(result['err'], 'WRONGTYPE', 1, true) then error(result['err']) end
            redis.call('DEL', key)
            result = redis.call(command, key, ...)
          end
          return result
        end
        local function total(element) return tonumber(element and string.match(element, ':(%d+)$') or '') or 0 end
        local function push(key, offset, bytes)
          local element = offset
          if maxBytes > 0 then
            local tail = redis.pcall('LINDEX', key, -1)
            element = offset .. ':' .. text(total(type(tail) == 'string' and tail) + bytes)
          end
          local length = inPlace(key, 'RPUSH', element)
          if length == 1 then
            removed = removed or text(math.max(aged(), lost))
            redis.call('LPUSH', key, '-' .. removed)
            length = 2
          end
          redis.call('PEXPIRE', key, life)
          pushed[key] = length
        end
        local a, k = 11, 5
        while a <= #ARGV do
          local targets, versions, payload, earlier = tonumber(ARGV[a]), ARGV[a + 2], ARGV[a + 3], nil
          local isKeyed, isFenced, isStale = ARGV[a + 1] == '1', ARGV[a + 2] ~= '0', false
          if isFenced then
            local version = string.match(redis.call('GETRANGE', KEYS[k + targets + (isKeyed and 1 or 0)], 0, 20), '^[^ ]*')
            isStale = not string.find(versions, ' ' .. version .. ' ', 1, true)
          end
          if isKeyed and not isStale then
            earlier = redis.pcall('GET', KEYS[k + targets])
            earlier = type(earlier) == 'string' and tonumber(earlier)
          end
          if isStale then
            answer[#answer + 1] = 0
          elseif earlier then
            answer[#answer + 1] = -earlier
          else
            last = last + 1
            local offset = text(last)
            for i = k, k + targets - 1 do push(KEYS[i], offset, #payload) end
            if targets > 1 then
              multiple[#multiple + 1] = offset
              multiple[#multiple + 1] = targets
            end
            if isKeyed then redis.call('SET', KEYS[k + targets], offset, 'PX', ARGV[8]) end
            fields[#fields + 1] = offset
            fields[#fields + 1] = stamp .. ' ' .. text(previous) .. ' ' .. payload
            lengths[#lengths + 1] = #payload
            payloads[#payloads + 1] = payload
            answer[#answer + 1] = last
            previous = last
          end
          a, k = a + 4, k + targets + (isKeyed and 1 or 0) + (isFenced and 1 or 0)
        end
        if #fields == 0 then return answer end
        inPlace(entries, 'HSET', unpack(fields))
        if #multiple > 0 then
          inPlace(shared, 'HSET', unpack(multiple))
          redis.call('PEXPIRE', shared, life)
        end
        local changed = {'last', text(last), 'at', stamp}
        local function set(field, value)
          changed[#changed + 1] = field
          changed[#changed + 1] = text(value)
        end
        local wasCut = cut
        local function remove(offsets)
          local counts, gone = redis.pcall('HMGET', shared, unpack(offsets)), {}
          for i = 1, #offsets do
            local count = not counts['err'] and tonumber(counts[i] or '') or 1
            if count > 1 then
              redis.call('HSET', shared, offsets[i], count - 1)
            else
              gone[#gone + 1] = offsets[i]
              cut = math.max(cut, tonumber(offsets[i]))
            end
          end
          if #gone > 0 then
            redis.call('HDEL', entries, unpack(gone))
            redis.pcall('HDEL', shared, unpack(gone))
          end
        end
        local spare = math.min(64, math.floor(maxEntries / 16))
        for key, length in pairs(pushed) do
          local surplus = length - 1 - maxEntries
          while surplus > (length and spare or 0) do
            local count = math.min(surplus, 1000)
            local popped = redis.call('LPOP', key, count + 1)
            local offsets = {}
            for i = 2, #popped do offsets[#offsets + 1] = string.match(popped[i], '^%d+') end
            redis.call('LPUSH', key, '-' .. popped[#popped])
            remove(offsets)
            surplus, length = surplus - count, nil
          end
          if maxBytes > 0 then
            local all, marker = total(redis.call('LINDEX', key, -1)), redis.call('LINDEX', key, 0)
            while all - total(marker) > maxBytes and redis.call('LLEN', key) > 2 do
              local popped = redis.call('LPOP', key, 2)
              marker = '-' .. popped[2]
              redis.call('LPUSH', key, marker)
              remove({string.match(popped[2], '^%d+')})
            end
          end
        end
        if cut > wasCut then set('cut', cut) end
        if now - (tonumber(h[9] or '') or 0) >= step then
          local below, tick = aged()
          if tick then redis.call('LPOP', ticks, tick) end
          if below > floor then
            floor = below
            set('floor', floor)
          end
          if newest > floor then inPlace(ticks, 'RPUSH', text(at) .. ':' .. text(newest)) end
          redis.pcall('PEXPIRE', ticks, life)
          redis.call('PEXPIRE', entries, life)
          set('tick', now)
          evicted()
        end
        local gone = tonumber(h[10] or '') or 0
        if gone < floor then
          local offsets = {}
          while gone < floor and #offsets < 2 * #lengths + 16 do
            gone = gone + 1
            offsets[#offsets + 1] = text(gone)
            for from, to in string.gmatch(jumps, '(%d+):(%d+)') do
              if gone > tonumber(from) and gone <= tonumber(to) then gone = tonumber(to) end
            end
          end
          redis.call('HDEL', entries, unpack(offsets))
          redis.pcall('HDEL', shared, unpack(offsets))
          set('gone', gone)
        end
        redis.call('HSET', head, unpack(changed))
        redis.call(ARGV[9], ARGV[10],
          '1 ' .. text(epoch) .. ' ' .. stamp .. ' ' .. text(first) .. ' ' .. text(newest) .. ' ' .. table.concat(lengths, ' ') .. '\n' .. table.concat(payloads))
        return answer
        """;

    /// <summary>Reads entries.</summary>
    /// <remarks>
    /// ARGV further: behind which offset and up to which one; how many entries and how many bytes; whether an entry with more bytes may come
    /// alone; whether the last ones are wanted. KEYS further: the targets, none for the whole log. Returns 1, epoch, end, the stretch that
    /// was read, up to where something was removed, and per entry its offset and what stands there.
    /// </remarks>
    public const string Read = Begin + """
        local after, upTo, maxEntries, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
        local mayExceed, fromEnd = ARGV[10] == '1', ARGV[11] == '1'
        if after > last or upTo > last then return {0, epoch, last} end
        evicted()
        local below = aged()
        local removed, readAfter, readTo, offsets = lost, after, upTo, {}
        local from = math.max(after, below)
        local function number(element) return tonumber(string.match(element, '^%-?%d+') or '') or 0 end
        if #KEYS == 4 then
          removed = math.max(removed, below, cut)
          local parts = {}
          for began, ended in string.gmatch(jumps, '(%d+):(%d+)') do parts[#parts + 1] = {tonumber(began), tonumber(ended)} end
          if fromEnd then
            local offset = upTo
            while offset > from do
              for i = 1, #parts do
                if offset > parts[i][1] and offset <= parts[i][2] then offset = parts[i][1] end
              end
              if offset <= from then break end
              if #offsets == 1000 then
                readAfter = offset
                break
              end
              offsets[#offsets + 1] = offset
              offset = offset - 1
            end
            table.sort(offsets)
          else
            local offset = from + 1
            while offset <= upTo do
              for i = 1, #parts do
                if offset > parts[i][1] and offset <= parts[i][2] then offset = parts[i][2] + 1 end
              end
              if offset > upTo then break end
              if #offsets == 1000 then
                readTo = offset - 1
                break
              end
              offsets[#offsets + 1] = offset
              offset = offset + 1
            end
          end
        else
          local most, seen = math.max(16, math.min(maxEntries, math.floor(8192 / (#KEYS - 4)))), {}
          for k = 5, #KEYS do
            local key = KEYS[k]
            local length = redis.pcall('LLEN', key)
            if type(length) ~= 'number' or length == 0 then
              removed = math.max(removed, below)
            else
              local function at(i) return number(redis.call('LINDEX', key, i)) end
              local function find(offset, low)
                local high = length
                while low < high do
                  local middle = math.floor((low + high) / 2)
                  if at(middle) > offset then high = middle else low = middle + 1 end
                end
                return low
              end
              removed = math.max(removed, -at(0))
              local begin, tail = 1, at(-1)
              if length > 1 and at(1) <= below then
                begin = find(below, 1)
                removed = math.max(removed, at(begin - 1))
              end
              if begin < length and tail > from then
                if after > below then begin = find(after, begin) end
                local stop = tail <= upTo and length or find(upTo, begin)
                local took = stop
                if stop - begin > most then
                  if fromEnd then
                    begin = stop - most
                    readAfter = math.max(readAfter, at(begin - 1))
                  else
                    took = begin + most
                    readTo = math.min(readTo, at(took) - 1)
                  end
                end
                if took > begin then
                  for _, element in ipairs(redis.call('LRANGE', key, begin, took - 1)) do
                    local offset = number(element)
                    if not seen[offset] then
                      seen[offset] = true
                      offsets[#offsets + 1] = offset
                    end
                  end
                end
              end
            end
          end
          table.sort(offsets)
        end
        local answer, bytes, count, done, width = {}, 0, 0, false, 4
        local i, step, stop = 1, 1, #offsets
        if fromEnd then i, step, stop = #offsets, -1, 1 end
        while not done and (stop - i) * step >= 0 do
          local names, chunk = {}, {}
          while #chunk < width and (stop - i) * step >= 0 do
            if offsets[i] > readAfter and offsets[i] <= readTo then
              chunk[#chunk + 1] = offsets[i]
              names[#names + 1] = text(offsets[i])
            end
            i = i + step
          end
          if #chunk == 0 then break end
          local found = redis.call('HMGET', entries, unpack(names))
          for c = 1, #chunk do
            local _, header = string.find(found[c] or '', '^%d+ %d+ ')
            if not header then
              removed = math.max(removed, chunk[c])
            else
              local size = #found[c] - header
              if count == maxEntries or (bytes + size > maxBytes and (count > 0 or not mayExceed)) then
                if fromEnd then readAfter = chunk[c] else readTo = chunk[c] - 1 end
                done = true
                break
              end
              count, bytes = count + 1, bytes + size
              answer[#answer + 1] = {names[c], found[c]}
            end
          end
          width = bytes * 4 < maxBytes and math.min(64, width * 2) or 4
        end
        local page = {1, epoch, last, readAfter, readTo, removed}
        for n = 1, #answer do
          local one = answer[fromEnd and #answer + 1 - n or n]
          page[#page + 1] = one[1]
          page[#page + 1] = one[2]
        end
        return page
        """;

    /// <summary>Replaces the record of a session if it has the version that is expected.</summary>
    /// <remarks>
    /// KEYS: the record. ARGV: the version that is expected, 0 for none; the version that takes its place, 0 for none; what it holds; for how long it
    /// is kept, in milliseconds. Returns 1 if it was done, else 0 and what stands there.
    /// </remarks>
    public const string Swap = """
        local found = redis.call('GET', KEYS[1])
        local current = found and string.match(found, '^[^ ]*') or '0'
        if current ~= ARGV[1] then return {0, found} end
        if ARGV[2] == '0' then
          redis.call('DEL', KEYS[1])
        else
          redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[3], 'PX', ARGV[4])
        end
        return {1}
        """;
}
