namespace DistributedSockets;

/// <summary>Somebody on whose behalf messages are sent, and who may lose the right to it: a connection whose session may go on elsewhere.</summary>
public interface IFencedSender
{
    /// <summary>Gives the fence under which a message is appended to the log now; <see langword="null"/> if there is no session that could go on elsewhere.</summary>
    /// <exception cref="StaleFenceException">It is known already that the session has another owner, or has ended.</exception>
    SessionFence? GetFence();
}
