namespace DistributedSockets.TestNode;

/// <summary>Writes what is told of presence into a file of this process, which stays when it is killed.</summary>
internal sealed class PresenceLog(IConfiguration configuration) : IPresenceObserver
{
    private readonly string? _file = configuration["PresenceLog"] is { Length: > 0 } directory ? Path.Combine(directory, $"{Environment.ProcessId}") : null;

    public async ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken)
    {
        if (_file is not null)
        {
            await File.AppendAllTextAsync(_file, $"{change.Kind} {change.UserId}{(change.Group is null ? "" : $" {change.Group}")}\n", cancellationToken);
        }
    }
}
