using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>The keys of <see cref="DistributedWebSocketsOptions.EnvelopeKeys"/>: the first seals, all of them open.</summary>
internal sealed class EnvelopeKeyRing(IOptions<DistributedWebSocketsOptions> options)
{
    internal const int MaxKeys = 16;

    private readonly EnvelopeKey[] _keys = [.. options.Value.EnvelopeKeys.Select(EnvelopeKey.TryParse).OfType<EnvelopeKey>()]; // validated, so all of them

    internal int Count => _keys.Length;

    /// <summary>The ids of the keys, that of the sealing one first.</summary>
    internal IEnumerable<uint> Ids => _keys.Select(static key => key.Id);

    /// <summary>The key that seals; null if envelopes are not sealed.</summary>
    internal EnvelopeKey? Sealing => _keys.Length == 0 ? null : _keys[0];

    internal EnvelopeKey? Find(uint keyId)
    {
        foreach (var key in _keys)
        {
            if (key.Id == keyId)
            {
                return key;
            }
        }

        return null;
    }

    /// <summary>What is wrong with configured keys. Never says what they are.</summary>
    internal static IEnumerable<string> Problems(IList<string> keys)
    {
        if (keys.Count > MaxKeys)
        {
            yield return $"EnvelopeKeys has {keys.Count} keys. Set at most {MaxKeys}: remove those that no node seals with any more.";
        }

        var read = new List<EnvelopeKey>();
        for (var i = 0; i < keys.Count; i++)
        {
            if (EnvelopeKey.TryParse(keys[i]) is not { } key)
            {
                yield return $"EnvelopeKeys[{i}] is not the base64 of 32 bytes. Make one with: openssl rand -base64 32";
            }
            else if (read.Any(key.IsLike))
            {
                yield return $"EnvelopeKeys[{i}] stands in the list twice, or has the same id as another one. Remove it, or make another.";
            }
            else
            {
                read.Add(key);
            }
        }
    }
}
