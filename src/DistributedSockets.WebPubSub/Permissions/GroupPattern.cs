namespace DistributedSockets.WebPubSub;

/// <summary>
/// A pattern of group names: <c>?</c> is one character but no dot, <c>*</c> any number of characters but dots, <c>**</c> any number of any. A backslash takes the
/// meaning from the next of these signs.
/// </summary>
internal sealed class GroupPattern
{
    private const int MaxStars = 5;

    private readonly List<(Kind Kind, char Character)> _parts;

    private GroupPattern(List<(Kind Kind, char Character)> parts) => _parts = parts;

    private enum Kind
    {
        One,
        OneNotDot,
        ManyNotDot,
        Many,
    }

    /// <summary>Reads a pattern; null for one that has too many stars, is too long, or ends in a backslash.</summary>
    internal static GroupPattern? TryParse(string pattern)
    {
        if (pattern.Length is 0 or > GroupNames.MaxLength)
        {
            return null;
        }

        var (parts, stars) = (new List<(Kind, char)>(pattern.Length), 0);
        for (var i = 0; i < pattern.Length; i++)
        {
            switch (pattern[i])
            {
                case '?':
                    parts.Add((Kind.OneNotDot, default));
                    break;
                case '*':
                    var isDouble = i + 1 < pattern.Length && pattern[i + 1] == '*';
                    parts.Add((isDouble ? Kind.Many : Kind.ManyNotDot, default));
                    stars += isDouble ? 2 : 1;
                    i += isDouble ? 1 : 0;
                    break;
                case '\\':
                    if (++i == pattern.Length || pattern[i] is not ('\\' or '*' or '?'))
                    {
                        return null;
                    }

                    parts.Add((Kind.One, pattern[i]));
                    break;
                default:
                    parts.Add((Kind.One, pattern[i]));
                    break;
            }
        }

        return stars > MaxStars ? null : new(parts);
    }

    /// <summary>Whether a name is one of the pattern. Takes as many steps as the product of both lengths, at most.</summary>
    internal bool Matches(string group)
    {
        // Whether what has been read of the name can be the parts before i, for each i.
        Span<bool> current = stackalloc bool[_parts.Count + 1];
        Span<bool> next = stackalloc bool[_parts.Count + 1];
        Enter(current, 0);
        foreach (var character in group)
        {
            next.Clear();
            var isAlive = false;
            for (var i = 0; i < _parts.Count; i++)
            {
                if (current[i] && Takes(_parts[i], character))
                {
                    Enter(next, _parts[i].Kind is Kind.Many or Kind.ManyNotDot ? i : i + 1);
                    isAlive = true;
                }
            }

            if (!isAlive)
            {
                return false;
            }

            var read = current;
            current = next;
            next = read;
        }

        return current[^1];
    }

    private static bool Takes((Kind Kind, char Character) part, char character) => part.Kind switch
    {
        Kind.One => character == part.Character,
        Kind.Many => true,
        _ => character != '.',
    };

    /// <summary>Comes to a part, and to those behind it that may be empty.</summary>
    private void Enter(Span<bool> states, int at)
    {
        states[at] = true;
        while (at < _parts.Count && _parts[at].Kind is Kind.Many or Kind.ManyNotDot)
        {
            states[++at] = true;
        }
    }
}
