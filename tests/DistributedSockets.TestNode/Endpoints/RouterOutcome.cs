namespace DistributedSockets.TestNode;

/// <param name="Ok">Whether it was done.</param>
/// <param name="Error">If not, what was thrown.</param>
/// <param name="Message">What that says.</param>
internal sealed record RouterOutcome(bool Ok, string? Error = null, string? Message = null)
{
    /// <summary>Where a logged send stands: epoch and offset with a hyphen between.</summary>
    public string? Position { get; init; }
}
