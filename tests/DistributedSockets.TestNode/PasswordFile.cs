using StackExchange.Redis.Configuration;

namespace DistributedSockets.TestNode;

/// <summary>Signs in to Redis with what a file holds at that moment, so that a password can change without a restart.</summary>
internal sealed class PasswordFile(string path) : DefaultOptionsProvider
{
    public override string Password => File.ReadAllText(path);
}
