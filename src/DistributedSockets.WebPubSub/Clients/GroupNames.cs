using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets.WebPubSub;

/// <summary>The names of groups: which clients may use, and how they are called within, where names are shorter.</summary>
internal static class GroupNames
{
    /// <summary>The longest name, in characters.</summary>
    internal const int MaxLength = 1_024;

    private const int MaxCoreBytes = 200;

    /// <summary>What stands before the digest of a name that is too long. No name of a client gets by as one: a short one that begins so is digested too.</summary>
    private const string Prefix = "sha256:";

    /// <summary>Whether a name is one of a group: 1 to 1,024 characters, not only white space, and expressible in UTF-8.</summary>
    internal static bool IsValid(string group) => group.Length is > 0 and <= MaxLength && !string.IsNullOrWhiteSpace(group) && IsExpressible(group);

    /// <summary>The name within: the name itself, or a digest of it where it is too long.</summary>
    internal static string ToCore(string group) =>
        Encoding.UTF8.GetByteCount(group) <= MaxCoreBytes && !group.StartsWith(Prefix, StringComparison.Ordinal)
            ? group
            : Prefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(group)));

    /// <summary>Whether it has no half of a surrogate pair: two names that differ in it would be one in UTF-8.</summary>
    private static bool IsExpressible(string group)
    {
        for (var i = 0; i < group.Length; i++)
        {
            if (char.IsSurrogate(group[i]) && !(i + 1 < group.Length && char.IsSurrogatePair(group[i], group[++i])))
            {
                return false;
            }
        }

        return true;
    }
}
