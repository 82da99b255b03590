namespace Chat;

/// <summary>What a page sends, each with its name as the type. The command <c>people</c> needs nothing more.</summary>
internal static class ChatCommand
{
    /// <summary>To everyone in a room. Said once, however often it comes with the same id.</summary>
    internal sealed record Say(string Room, string Text, string? Id = null);

    /// <summary>To one user. Said once, however often it comes with the same id.</summary>
    internal sealed record Direct(string To, string Text, string? Id = null);

    /// <summary>To be in a room.</summary>
    internal sealed record Join(string Room);

    /// <summary>To be in it no longer.</summary>
    internal sealed record Leave(string Room);

    /// <summary>The room of whichever command, if it has one.</summary>
    internal sealed record Any(string? Room = null);
}
