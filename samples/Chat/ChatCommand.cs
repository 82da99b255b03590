namespace Chat;

/// <summary>What a page sends.</summary>
/// <param name="Type">Which command: say, direct, join, leave or people.</param>
/// <param name="Room">The room, for say, join and leave.</param>
/// <param name="To">The user, for direct.</param>
/// <param name="Text">The text, for say and direct.</param>
internal sealed record ChatCommand(string? Type, string? Room, string? To, string? Text);
