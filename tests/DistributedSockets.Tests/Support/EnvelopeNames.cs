namespace DistributedSockets.Tests;

/// <summary>The names in an envelope, as strings.</summary>
internal static class EnvelopeNames
{
    internal static string[] List(NameList names)
    {
        var list = new List<string>();
        foreach (var name in names)
        {
            list.Add(name.ToString());
        }

        return [.. list];
    }
}
